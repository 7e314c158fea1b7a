"""A test double of the server: a transport that answers as a server does, without one.

    server = Scripted("Hello there.", Failing("model_rate_limited", "Too many requests."))
    with Client("http://server", transport=server) as client:
        assert client.generate("Hi").text == "Hello there."
    assert server.questions[0]["message"] == "Hi"

It serves both clients, streamed and not: each question gets the next answer of the script, and the
last one for ever. Conversations and runs are kept until the object is gone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx2

from agno_stream.parts import Parts
from agno_stream.requests import CHAT, SSE

Chunk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failing:
    """An answer that fails after some text: its error's code and sentence.

    With a `status`, the question is refused with that, before anything is sent.
    """

    code: str
    message: str
    text: str = ""
    status: int | None = None


#: An answer: its text; its chunks without the first and the last one; or a failure.
Answer = str | Sequence[Chunk] | Failing

#: Fields of a chunk that a state does not take over.
_TEXT = ("content", "done")


class Scripted(httpx2.MockTransport):
    """Answers questions by a script; `questions` are the bodies of those that came."""

    def __init__(self, *answers: Answer, model: str = "scripted") -> None:
        super().__init__(self._respond)
        self.questions: list[dict[str, Any]] = []
        self._answers = list(answers) or ["Hello from the script."]
        self._model = model
        self._runs: dict[str, list[dict[str, Any]]] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}

    def _respond(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if request.method == "POST" and path == CHAT:
            return self._answer(json.loads(request.content))
        _, _, rest = path.partition("/api/v1/")
        kind, _, name = rest.partition("/")
        if kind == "models":
            model = {"id": self._model, "provider": "test", "default": True}
            return httpx2.Response(200, json={"models": [model]})
        if kind == "agents":
            agent = {"id": "scripted", "name": "Scripted", "model": self._model, "default": True}
            return httpx2.Response(200, json={"agents": [agent]})
        run_id, _, action = name.partition("/")
        if kind == "runs" and run_id in self._runs:
            if action == "events":
                after = int(request.url.params.get("after", "0"))
                return self._stream(run_id, after)
            return httpx2.Response(200, json=self._state(run_id))
        if kind == "conversations" and name in self._messages:
            if request.method == "DELETE":
                del self._messages[name]
                return httpx2.Response(204)
            found = {"conversation_id": name, "messages": self._messages[name]}
            return httpx2.Response(200, json=found)
        return _refusal(404, "not_found", f"The script has no {path}.")

    def _answer(self, question: dict[str, Any]) -> httpx2.Response:
        answer = self._answers[min(len(self.questions), len(self._answers) - 1)]
        self.questions.append(question)
        if isinstance(answer, Failing) and answer.status is not None:
            return _refusal(answer.status, answer.code, answer.message)
        run_id = uuid4().hex
        conversation = question.get("conversation_id") or uuid4().hex
        self._runs[run_id] = [*self._chunks(answer, run_id, conversation)]
        state = self._state(run_id)
        self._messages.setdefault(conversation, []).extend(
            [
                {"role": "user", "content": question.get("message") or "", "run_id": run_id},
                {
                    "role": "assistant",
                    **{name: state[name] for name in ("content", "run_id", "model", "parts")},
                },
            ]
        )
        if question.get("stream", True):
            return self._stream(run_id, 0)
        if "error" in state:
            status = 504 if state["error"]["code"].startswith("timeout_") else 502
            return httpx2.Response(status, json={"error": {**state["error"], "run_id": run_id}})
        return httpx2.Response(200, json=state)

    def _chunks(self, answer: Answer, run_id: str, conversation: str) -> list[dict[str, Any]]:
        def chunk(content: str = "", *, done: bool = False, **fields: Any) -> dict[str, Any]:
            return {"content": content, "done": done, "model": self._model, **fields}

        given: Sequence[Chunk]
        last = chunk(done=True, finish_reason="stop")
        if isinstance(answer, Failing):
            error = {"code": answer.code, "message": answer.message}
            last = chunk(done=True, finish_reason="error", error=error)
            given = _words(answer.text)
        else:
            given = _words(answer) if isinstance(answer, str) else answer
        first = chunk(run_id=run_id, conversation_id=conversation, agent="scripted")
        return [first, *[{**chunk(), **one} for one in given], last]

    def _stream(self, run_id: str, after: int) -> httpx2.Response:
        chunks = list(enumerate(self._runs[run_id], 1))[after:]
        if not chunks:
            return httpx2.Response(204)
        text = "".join(f"id: {run_id}:{n}\ndata: {json.dumps(one)}\n\n" for n, one in chunks)
        headers = {"Content-Type": SSE, "X-Run-Id": run_id}
        return httpx2.Response(200, headers=headers, content=text.encode())

    def _state(self, run_id: str) -> dict[str, Any]:
        chunks = self._runs[run_id]
        ending = {name: value for name, value in chunks[-1].items() if name not in _TEXT}
        parts = Parts()
        for one in chunks:
            parts.add(one)
        found = parts.folded()
        known = {"model": self._model, "status": "completed", "agent": "scripted"}
        return {
            "content": "".join(part.get("content", "") for part in found),
            "parts": found,
            "tools": [part["tool"] for part in found if "tool" in part],
            "run_id": run_id,
            "conversation_id": chunks[0]["conversation_id"],
            "last_event_id": f"{run_id}:{len(chunks)}",
            **known,
            **ending,
        }


def _words(text: str) -> Sequence[Chunk]:
    """A chunk for each word; joined, they are the text."""
    words = text.split(" ")
    return [{"content": f"{word} "} for word in words[:-1]] + [{"content": words[-1]}]


def _refusal(status: int, code: str, message: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"code": code, "message": message}})
