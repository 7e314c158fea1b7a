"""The replies of the scripted provider, as data, and their bytes in two of its three protocols.

A `Reply` is a row of tokens (reasoning, then text, then tool calls), a pace, and faults placed by
token number. A `Wire` turns one reply to one request into frames. Neither knows of time or sockets.
"""

import json
import math
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Literal

Text = str | Sequence[str]  # a string is split into words; others are the deltas as they are


@dataclass(frozen=True, slots=True)
class ProviderError:
    """OpenAI's error object. Ollama's protocol has only the message."""

    message: str
    type: str = "server_error"
    param: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Each `*_after` is the number of tokens before that fault; they play in order."""

    text: Text = ""
    reasoning: Text = ""
    tool_calls: Sequence[tuple[str, str]] = ()  # (name, arguments as JSON)
    citations: Sequence[tuple[str, str]] = ()  # (URL, title), in the Responses API alone
    echo: bool = False  # the text is the request's messages, as JSON
    finish_reason: str | None = None  # None: "stop", or "tool_calls" after those; "": none is sent
    usage: bool = True  # False: not even to a client that asks for it

    rate: float = 0  # tokens a second; 0: as fast as it can
    delay_headers: float = 0  # seconds before the status line
    delay_first: float = 0  # seconds between the headers and the first frame
    one_write_per_token: bool = False

    status: int = 200
    headers: Sequence[tuple[str, str]] = ()  # added to the usual ones, or in their place
    error: ProviderError = ProviderError("The server had an error")  # of a status or error_frame

    empty: bool = False  # 200 without any frame
    stall_after: int | None = None
    stall_seconds: float = math.inf
    garbage_after: int | None = None
    garbage: bytes = b"data: {not json\n\n"
    error_frame_after: int | None = None
    cut_after: int | None = None
    cut: Literal["abort", "clean"] = "abort"  # close inside an HTTP chunk, or end the body early

    def __post_init__(self) -> None:
        last = max((after for after, _ in self.faults()), default=0)
        known = len(split(self.reasoning)) + len(split(self.text))
        if last > known and not self.echo and not self.tool_calls:
            raise ValueError(f"a fault after {last} tokens, but the reply has only {known}")

    def faults(self) -> list[tuple[int, str]]:
        """(tokens before it, name) of each; at one number the one that ends the stream is last."""
        names = ("stall", "garbage", "error_frame", "cut")
        places = [(getattr(self, f"{name}_after"), name) for name in names]
        return sorted((place for place in places if place[0] is not None), key=itemgetter(0))


def split(text: Text) -> list[str]:
    """The deltas of a text; joined, they are the text."""
    return re.findall(r"\s*\S+\s*|\s+", text) if isinstance(text, str) else list(text)


def numbered(count: int) -> tuple[str, ...]:
    """`count` tokens "0 ", "1 ", "2 ", ..., so that a lost or repeated one shows."""
    return tuple(f"{number} " for number in range(count))


def refusal(status: int, message: str, code: str, param: str | None = None) -> Reply:
    error = ProviderError(message, "invalid_request_error", param, code)
    return Reply(status=status, error=error, headers=[("Retry-After", "1")] * (status == 429))


INVALID_KEY = refusal(401, "Incorrect API key provided: sk-ab***yz.", "invalid_api_key")
MODEL_NOT_FOUND = refusal(404, "The model `gpt-none` does not exist", "model_not_found")
RATE_LIMITED = refusal(429, "Rate limit reached", "rate_limit_exceeded")
SERVER_ERROR = Reply(status=500)
CONTEXT_TOO_LONG = refusal(
    400, "The maximum context length is 8192 tokens.", "context_length_exceeded", "messages"
)
SPLIT_EMOJI = Reply(("Hi ", "\ud83d", "\ude42", "!"))  # each surrogate is a JSON escape of its own


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8; in ASCII with escapes if it contains a lone surrogate."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


_encode_text = lru_cache(maxsize=4096)(encode)


def said(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The messages of a request, and in the Responses API its other items."""
    items = body["messages"] if "messages" in body else body["input"]
    return [{"role": "user", "content": items}] if isinstance(items, str) else list(items)


class BaseWire:
    """The counts of all protocols. `whole()` is the response to a request without streaming."""

    def __init__(self, body: Mapping[str, Any], reply: Reply, content_type: str) -> None:
        self.streams = content_type != "application/json"
        self.content_type, messages = content_type, said(body)
        content = json.dumps(messages, ensure_ascii=False) if reply.echo else reply.text
        self._reply, self._text, self._reasoning = reply, split(content), split(reply.reasoning)
        self._prompt = sum(len(str(message.get("content")).split()) for message in messages)
        self._count = len(self._reasoning) + len(self._text) + len(reply.tool_calls)


class OpenAIWire(BaseWire):
    """`POST /v1/chat/completions`: server-sent events, or one `chat.completion`."""

    def __init__(self, body: Mapping[str, Any], reply: Reply) -> None:
        whole = not body.get("stream")
        super().__init__(body, reply, "application/json" if whole else "text/event-stream")
        usual = "tool_calls" if reply.tool_calls else "stop"
        self._finish = usual if reply.finish_reason is None else reply.finish_reason
        self._wants_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self._name = uuid.uuid4().hex
        self._head = {
            "id": f"chatcmpl-{self._name}",
            "object": "chat.completion.chunk" if self.streams else "chat.completion",
            "created": int(time.time()),
            "model": body.get("model"),
        }
        self._before = b"data: " + encode(self._head)[:-1] + b',"choices":[{"index":0,"delta":'
        null_usage = b',"usage":null' if self._wants_usage else b""
        self._after = b',"logprobs":null,"finish_reason":null}]' + null_usage + b"}\n\n"

    def _delta(self, **delta: object) -> bytes:
        return self._before + encode(delta) + self._after

    def _call(self, index: int, name: str, arguments: str) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        return {"id": f"call_{self._name[:16]}{index}", "type": "function", "function": function}

    def _usage(self) -> dict[str, Any]:
        counts = {"prompt_tokens": self._prompt, "completion_tokens": self._count}
        details = {"completion_tokens_details": {"reasoning_tokens": len(self._reasoning)}}
        return {"usage": {**counts, "total_tokens": self._prompt + self._count, **details}}

    def opening(self) -> bytes:
        only_calls = self._reply.tool_calls and not self._text
        return self._delta(role="assistant", content=None if only_calls else "")

    def tokens(self) -> Iterator[bytes]:
        for text in self._reasoning:
            yield self._delta(reasoning_content=text)
        before, after = self._before + b'{"content":', b"}" + self._after
        for text in self._text:
            yield before + _encode_text(text) + after
        for index, (name, arguments) in enumerate(self._reply.tool_calls):
            yield self._delta(tool_calls=[{"index": index, **self._call(index, name, "")}])
            for piece in re.findall(r"(?s).{1,8}", arguments):
                yield self._delta(tool_calls=[{"index": index, "function": {"arguments": piece}}])

    def closing(self) -> bytes:
        finish = b'"finish_reason":' + encode(self._finish)
        last = self._delta().replace(b'"finish_reason":null', finish) if self._finish else b""
        if self._wants_usage and self._reply.usage:
            last += b"data: " + encode({**self._head, "choices": [], **self._usage()}) + b"\n\n"
        return last + b"data: [DONE]\n\n"

    def whole(self) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text) or None}
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if calls := self._reply.tool_calls:
            message["tool_calls"] = [self._call(index, *call) for index, call in enumerate(calls)]
        choice = {"index": 0, "message": message, "finish_reason": self._finish or None}
        usage = self._usage() if self._reply.usage else {}
        return encode({**self._head, "choices": [choice], **usage})

    def error_body(self) -> bytes:
        return encode({"error": asdict(self._reply.error)})

    def error_frame(self) -> bytes:
        return b"data: " + self.error_body() + b"\n\n"


class OllamaWire(BaseWire):
    """`POST /api/chat`: one JSON object a line, or one object alone."""

    def __init__(self, body: Mapping[str, Any], reply: Reply) -> None:
        whole = body.get("stream") is False
        super().__init__(body, reply, "application/json" if whole else "application/x-ndjson")
        self._began = time.monotonic_ns()
        self._head = {"model": body.get("model"), "created_at": f"{datetime.now(UTC):%FT%T.%fZ}"}

    def _line(self, message: Mapping[str, Any], **rest: object) -> bytes:
        message = {"role": "assistant", "content": "", **message}
        return encode({**self._head, "message": message, "done": False, **rest}) + b"\n"

    def _calls(self) -> list[dict[str, Any]]:
        calls = [(name, json.loads(arguments)) for name, arguments in self._reply.tool_calls]
        return [{"function": {"name": name, "arguments": values}} for name, values in calls]

    def _done(self, message: Mapping[str, Any]) -> bytes:
        spent, finish = time.monotonic_ns() - self._began, self._reply.finish_reason
        rest: dict[str, Any] = {"done": True, "done_reason": "stop" if finish is None else finish}
        if self._reply.usage:
            rest |= {"total_duration": spent, "load_duration": 1, "eval_duration": spent}
            rest |= {"prompt_eval_count": self._prompt, "prompt_eval_duration": 1}
            rest["eval_count"] = self._count
        return self._line(message, **rest)

    def opening(self) -> bytes:
        return b""

    def tokens(self) -> Iterator[bytes]:
        for text in self._reasoning:
            yield self._line({"thinking": text})
        for text in self._text:
            yield self._line({"content": text})
        for call in self._calls():
            yield self._line({"tool_calls": [call]})

    def closing(self) -> bytes:
        return self._done({})

    def whole(self) -> bytes:
        message: dict[str, Any] = {"content": "".join(self._text)}
        if self._reasoning:
            message["thinking"] = "".join(self._reasoning)
        if self._reply.tool_calls:
            message["tool_calls"] = self._calls()
        return self._done(message)

    def error_body(self) -> bytes:
        return encode({"error": self._reply.error.message})

    def error_frame(self) -> bytes:
        return self.error_body() + b"\n"
