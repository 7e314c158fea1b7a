"""Agents of other frameworks, and agents, teams and workflows on other servers.

All of them have Agno's `arun()`, and little else in common: the attributes of a remote agent are
requests to its server. Here they are one kind of component.
"""

import copy
import inspect
from dataclasses import dataclass, replace
from typing import Any

import httpx
from agno.agents.base import BaseExternalAgent
from agno.exceptions import RemoteServerUnavailableError, UnsupportedMediaError
from agno.remote.base import BaseRemote

from ...run_failures import AgentFailed, InputRefused, ModelUnavailable, RunFailed, UpstreamCut

#: What `arun()` must take beside the question, to be streamed in a session.
NEEDED = ("stream", "session_id", "user_id")

#: What a request may have for it beside the question.
FURTHER = ("session_state", "dependencies", "metadata", "knowledge_filters")


@dataclass(frozen=True, slots=True)
class External:
    """One of them, with what the server knows of it.

    `keeps` is True if it stores its runs in `db` itself; others are stored for it. `takes` are
    the names of the arguments of its `arun()`; None if it takes all. `remote` is its kind on its
    own server, if it is on another one.
    """

    id: str
    name: str
    description: str
    thing: Any
    db: Any
    keeps: bool
    takes: frozenset[str] | None
    remote: str | None

    def lacks(self, name: str) -> bool:
        """Whether it has no place for an argument."""
        return self.takes is not None and name not in self.takes

    def stored_in(self, db: Any) -> "External":
        """The same with another store of its own, for one run; None for none."""
        if not self.keeps:
            return self
        thing = copy.copy(self.thing)
        thing.db = db
        return replace(self, thing=thing, db=db)


def is_external(thing: Any) -> bool:
    """Whether a thing has an `arun()` like an agent's, and is none of Agno's own components."""
    if isinstance(thing, type) or not callable(getattr(type(thing), "arun", None)):
        return False
    if isinstance(thing, BaseExternalAgent | BaseRemote):
        return True
    takes = _takes(thing)
    return takes is None or takes.issuperset(NEEDED)


def external(thing: Any, fallback_id: str, db: Any) -> External:
    """The component that a thing is; `db` is for its conversations."""
    if isinstance(thing, BaseRemote):
        kind, own = remote_id(thing)
        takes = _takes_remotely(thing, kind)
        if thing.a2a_client is not None:
            from .a2a import truthful  # only here: few speak it

            thing = truthful(thing)
        return External(own, own, "", thing, db, keeps=False, takes=takes, remote=kind)
    own = str(getattr(thing, "id", None) or fallback_id)
    name = str(getattr(thing, "name", None) or own)
    description = str(getattr(thing, "description", None) or "")
    keeps = isinstance(thing, BaseExternalAgent)
    if keeps:
        thing = copy.copy(thing)
        thing.db = db
    return External(
        own, name, description, thing, db, keeps=keeps, takes=_takes(thing), remote=None
    )


def remote_id(thing: BaseRemote) -> tuple[str, str]:
    """The kind and the id of what runs on another server; its name would be a request to it."""
    kind = type(thing).__name__.removeprefix("Remote").lower()
    return kind, str(getattr(thing, f"{kind}_id", None) or kind)


def failure_of(component: External, error: Exception) -> RunFailed | None:
    """The error for clients that an exception of `arun()` stands for; None for an unknown one."""
    if isinstance(error, UnsupportedMediaError):
        return InputRefused(str(error))
    if isinstance(error, RemoteServerUnavailableError):
        return ModelUnavailable(
            f"The server of {component.id!r} cannot be reached.", retry_after=5.0
        )
    if component.remote is not None and isinstance(error, httpx.TransportError):
        return UpstreamCut(
            f"The connection to the server of {component.id!r} was lost before its answer was"
            " complete."
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if component.remote is not None and status is not None:
        return AgentFailed(f"The server of {component.id!r} refused the request ({status}).")
    return None


def _takes(thing: Any) -> frozenset[str] | None:
    parameters = inspect.signature(thing.arun).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return None
    return frozenset(parameters)


def _takes_remotely(thing: BaseRemote, kind: str) -> frozenset[str]:
    """What the client of Agno sends on: little in the A2A protocol."""
    common = {"stream", "session_id", "user_id", "images", "audio", "videos", "files"}
    if thing.a2a_client is not None:
        return frozenset(common | ({"metadata"} if kind == "agent" else set()))
    own = {"knowledge_filters"} if kind != "workflow" else set()
    return frozenset(common | own | {"stream_events", "session_state", "dependencies", "metadata"})
