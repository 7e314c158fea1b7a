"""A kind of Agno application: how it is built, what it is asked, and what its models reply.

    @kind(Reply(tool_calls=[("weather", "{}")]), Reply("It is sunny."), seen="21 degrees")
    def sync_tool(site: Site) -> Agent:
        return Agent(model=site.model(), tools=[weather])

The replies are those of the model `main`; other models of an application have their own in
`others`, by the roles under which the application makes them with `site.model(role)`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from agno.db.in_memory import InMemoryDb
from agno.models.openai import OpenAIChat, OpenAIResponses

from tests.provider import Provider
from tests.provider_replies import Reply

MAIN = "main"

#: A 1x1 picture.
PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0"
    b"\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
)


@dataclass(frozen=True, slots=True)
class Site:
    """Where an application is built: `addresses` are those of the databases, by their scheme."""

    kind: str
    provider: Provider
    data_dir: Path
    addresses: Mapping[str, str]

    def model(self, role: str = MAIN, **fields: Any) -> OpenAIChat:
        return OpenAIChat(**self._fields(role), **fields)

    def responses_model(self, role: str = MAIN, **fields: Any) -> OpenAIResponses:
        return OpenAIResponses(**self._fields(role), **fields)

    @staticmethod
    def store() -> InMemoryDb:
        return InMemoryDb()  # type: ignore[no-untyped-call]  # Agno leaves it without types

    def file(self, ending: str) -> str:
        """The path of a new file or folder."""
        return str(self.data_dir / f"{uuid4().hex}{ending}")

    def _fields(self, role: str) -> dict[str, Any]:
        address = {"base_url": self.provider.url, "api_key": "sk-test-0123456789"}
        return {"id": model_id(self.kind, role), **address}


def model_id(name: str, role: str) -> str:
    """The id of a model: each model of each kind has its own, so that replies cannot be mixed."""
    return f"{name}.{role}"


Build = Callable[[Site], Any]
Replies = Mapping[str, Sequence[Reply]]  # by role


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier turn of the conversation, in the server's own memory of it."""

    question: str
    replies: Replies


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table.

    `answering` is the role of the model that writes the answer. `seen` is a text that must stand in
    the last request to it, `unseen` one that must not. `blocked` means that the application refuses
    the question or the answer; `rewritten` that it changes text after it was streamed. With
    `history`, the messages that a client sends along reach the answering model. `shows` are the
    fields of native chunks in which a reader sees what is more than text.
    """

    name: str
    build: Build
    replies: Replies
    question: str = "What is new?"
    pictures: tuple[bytes, ...] = ()
    earlier: tuple[Turn, ...] = ()
    answering: str = MAIN
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    blocked: bool = False
    rewritten: bool = False
    history: bool = True
    faults: bool = True  # whether a fault of the answering model's last reply ends the run
    requests: bool = field(default=True)  # whether their number is that of Agno alone

    def script(self, provider: Provider, replies: Replies | None = None) -> None:
        """Queue the replies of one turn, by default the last one."""
        for role, row in (self.replies if replies is None else replies).items():
            provider.script_model(model_id(self.name, role), *row)

    def with_fault(self, **fault: Any) -> Replies:
        """The replies, with a fault in the last one of the model that answers."""
        *before, last = self.replies[self.answering]
        faulty = [replace(last, **fault)] * 9  # for retries, too
        return {**self.replies, self.answering: [*before, *faulty]}

    def bodies(self, provider: Provider, since: int, role: str | None = None) -> list[Any]:
        """The requests to one of the models, by default the answering, since a number of them."""
        name = model_id(self.name, role or self.answering)
        requests = provider.requests[since:]
        return [r.body for r in requests if r.body is not None and r.body.get("model") == name]


def kind(*replies: Reply, others: Replies | None = None, **fields: Any) -> Callable[[Build], Kind]:
    """Make a function that builds an application a kind; its name is the function's."""

    def make(build: Build) -> Kind:
        name = build.__name__.replace("_", "-")
        for row in ("seen", "unseen", "shows"):
            if isinstance(fields.get(row), str):
                fields[row] = (fields[row],)
        return Kind(name, build, {MAIN: replies, **(others or {})}, **fields)

    return make
