"""What a page of the AI SDK makes of a UI message stream, in the words of its documentation; it is
stricter than `readUIMessageStream`, which test_javascript.py runs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
from httpx_sse import EventSource

API = "/ai/chat"
Part = dict[str, Any]
HEADERS = {"x-vercel-ai-ui-message-stream": "v1", "content-type": "text/event-stream"}


@dataclass
class Page:
    """One message of the assistant, as a page has it after the chunks so far."""

    id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    transient: list[Part] = field(default_factory=list)
    error: str | None = None
    aborted: str | None = None
    finish: str | None = None
    done: bool = False

    @property
    def text(self) -> str:
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def reasoning(self) -> str:
        return "".join(part["text"] for part in self.parts if part["type"] == "reasoning")

    @property
    def tools(self) -> list[Part]:
        return [part for part in self.parts if part["type"].startswith("tool-")]

    @property
    def message(self) -> dict[str, Any]:
        """The message as the page sends it back."""
        parts = [{k: v for k, v in part.items() if k != "open"} for part in self.parts]
        return {"id": self.id, "role": "assistant", "metadata": self.metadata, "parts": parts}

    def data(self, name: str) -> list[Any]:
        return [part["data"] for part in self.parts if part["type"] == f"data-{name}"]

    def read(self, frames: Iterable[str]) -> "Page":
        """Take the data of the frames of a stream."""
        for data in frames:
            assert not self.done, "a frame after [DONE]"
            if data == "[DONE]":
                self.done = True
            else:
                self.take(json.loads(data))
        if self.done:
            assert not [part for part in self.parts if part.get("open")], "a part is open"
        return self

    def take(self, chunk: dict[str, Any]) -> None:
        """Take one chunk, which must fit to those before it."""
        assert (self.error, self.aborted, self.finish) == (None, None, None), "after the end"
        kind = chunk["type"]
        if kind in ("text-start", "reasoning-start"):
            self._in_step()
            assert not [part for part in self.parts if part.get("open")]
            self.parts.append({"type": kind[:-6], "text": "", "open": chunk["id"]})
        elif kind in ("text-delta", "reasoning-delta", "text-end", "reasoning-end"):
            [part] = [part for part in self.parts if part.get("open") == chunk["id"]]
            assert part["type"] == kind.partition("-")[0]
            if kind.endswith("-end"):
                del part["open"]
            else:
                assert chunk["delta"] != ""
                part["text"] += chunk["delta"]
        elif kind.startswith("tool-"):
            self._tool(kind, chunk)
        elif kind == "start":
            assert not self.parts, "a second start"
            self.id, self.metadata = chunk["messageId"], chunk["messageMetadata"]
        elif kind == "message-metadata":
            self.metadata |= chunk["messageMetadata"]
        elif kind == "start-step":
            self.parts.append({"type": "step-start"})
        elif kind == "reset-step":
            del self.parts[len(self.parts) - len(self._step()) + 1 :]
        elif kind == "finish":
            self.finish = chunk["finishReason"]
            self.metadata |= chunk["messageMetadata"]
        elif kind == "error":
            self.error = chunk["errorText"]
        elif kind == "abort":
            self.aborted = chunk["reason"]
        elif kind.startswith("data-"):
            self._data(chunk)
        elif kind in ("source-url", "source-document", "file"):
            self._in_step()
            self.parts.append(chunk)
        else:
            assert kind == "finish-step", kind

    def _in_step(self) -> None:
        assert {"type": "step-start"} in self.parts, "outside of a step"

    def _step(self) -> list[Part]:
        self._in_step()
        last = max(n for n, part in enumerate(self.parts) if part["type"] == "step-start")
        return self.parts[last:]

    def _tool(self, kind: str, chunk: dict[str, Any]) -> None:
        call = chunk["toolCallId"]
        if kind == "tool-input-start":
            assert call not in [part.get("toolCallId") for part in self._step()]
            name = chunk["toolName"]
            part = {"type": f"tool-{name}", "toolCallId": call, "state": "input-streaming"}
            self.parts.append(part | {"providerExecuted": chunk.get("providerExecuted", False)})
            return
        found = [part for part in self.parts if part.get("toolCallId") == call][-1]
        states = {
            "tool-input-available": "input-available",
            "tool-input-error": "output-error",
            "tool-output-available": "output-available",
            "tool-output-error": "output-error",
            "tool-output-denied": "output-denied",
            "tool-approval-request": "approval-requested",
        }
        found["state"] = states.get(kind, found["state"])
        found |= {k: chunk[k] for k in ("input", "output", "errorText") if k in chunk}
        if kind == "tool-approval-request":
            found["approval"] = {"id": chunk["approvalId"]}
        if "providerMetadata" in chunk:
            found["callProviderMetadata"] = chunk["providerMetadata"]

    def _data(self, chunk: dict[str, Any]) -> None:
        if chunk.get("transient"):
            self.transient.append(chunk)
            return
        for part in self.parts:
            if part.get("id") == chunk.get("id", 0) and part["type"] == chunk["type"]:
                part["data"] = chunk["data"]
                return
        self.parts.append(chunk)


def said(text: str, **fields: Any) -> dict[str, Any]:
    """A message of the user."""
    return {"id": "u", "role": "user", "parts": [{"type": "text", "text": text}], **fields}


def read(response: httpx.Response, page: Page | None = None) -> Page:
    """The message of a whole response, which goes on with `page` if there is one."""
    assert 200 == response.status_code, response.text
    assert HEADERS.items() <= dict(response.headers).items() | {
        ("content-type", response.headers["content-type"].partition(";")[0])
    }
    return (page or Page()).read(event.data for event in EventSource(response).iter_sse())


async def ask(
    http: httpx.AsyncClient, *messages: Any, page: Page | None = None, **more: Any
) -> Page:
    """Send messages, and read the stream that answers them."""
    body = {"id": "chat", "messages": list(messages), "trigger": "submit-message", **more}
    return read(await http.post(API, content=json.dumps(body)), page)
