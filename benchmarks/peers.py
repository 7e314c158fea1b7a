"""The servers that are compared: how to start each, and what to send to it."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

SERVERS = Path(__file__).parent / "servers"
KEY = "sk-benchmark-6f1d0c7a93b84e52"  # the local upstream takes any; LiteLLM wants a long one

Command = Callable[[int, str], Sequence[str]]  # of a port, and of the upstream's URL


def json_body(message: str) -> bytes:
    return json.dumps({"message": message, "stream": True}).encode()


def form_body(message: str) -> bytes:
    return urlencode({"message": message, "stream": "true"}).encode()


def openai_body(message: str) -> bytes:
    messages = [{"role": "user", "content": message}]
    return json.dumps({"model": "gpt-4o-mini", "messages": messages, "stream": True}).encode()


@dataclass(frozen=True, slots=True)
class Peer:
    """A server. `marker` occurs once in each token's event, and in at most two other events."""

    name: str
    note: str
    command: Command
    path: str
    marker: bytes
    body: Callable[[str], bytes]
    health: str = "/healthz"
    content_type: str = "application/json"

    def request(self, message: str) -> bytes:
        """The bytes of a request for a stream."""
        body = self.body(message)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Authorization: Bearer {KEY}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _script(name: str) -> Command:
    return lambda port, upstream: [sys.executable, str(SERVERS / name), str(port), upstream]


OURS = Peer(
    name="agno-stream",
    note="`python -m app serve` as it comes: event ids, heartbeats, conversations, run log",
    command=lambda port, upstream: [sys.executable, "-m", "app", "serve", "--port", str(port)],
    path="/api/v1/chat",
    marker=b'"content":"',
    body=json_body,
)
AGENTOS = Peer(
    name="AgentOS",
    note="`agno.os` with one agent, conversations in SQLite",
    command=_script("agentos.py"),
    path="/agents/general/runs",
    marker=b"event: RunContent\n",
    body=form_body,
    health="/health",
    content_type="application/x-www-form-urlencoded",
)
BOOK = Peer(
    name="by the book",
    note="FastAPI, sse-starlette and a stock Agno agent, conversations in SQLite",
    command=_script("book.py"),
    path="/chat",
    marker=b'{"content": "',
    body=json_body,
)
RELAY = Peer(
    name="relay",
    note="the floor: uvicorn and aiohttp forward raw bytes, no agent",
    command=_script("relay.py"),
    path="/v1/chat/completions",
    marker=b'"content":"',
    body=openai_body,
)
#: The upstream itself, without a server in between.
DIRECT = Peer(
    name="upstream",
    note="tests/provider.py",
    command=lambda port, upstream: [sys.executable, "tests/provider.py", "--port", str(port)],
    path="/v1/chat/completions",
    marker=b'"content":"',
    body=openai_body,
    health="/v1/models",
)
