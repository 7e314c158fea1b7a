"""Agno's client of the A2A protocol, with the endings that it drops.

It takes a task that failed for one that completed, an error of the protocol for silence, and the
task object that many servers send first ("submitted") for the end of the answer.
"""

import copy
from typing import Any

from agno.client.a2a import A2AClient
from agno.client.a2a.schemas import StreamEvent

from ...run_failures import AgentFailed, RunStopped

#: States of a task that goes on.
GOING_ON = frozenset({"submitted", "working"})

#: States in which a task waits for what cannot be given from here.
WAITING = frozenset({"input-required", "auth-required"})


class TruthfulA2AClient(A2AClient):
    """`A2AClient` that raises `AgentFailed` or `RunStopped` for a task that did not complete.

    Source of the states: `TaskState` of the A2A specification 0.3.
    """

    def _parse_stream_event(self, data: dict[str, Any]) -> StreamEvent:
        error = data.get("error")
        if error is not None:
            text = error.get("message") if isinstance(error, dict) else error
            raise AgentFailed(f"The remote agent reported an error: {text or 'no reason given'}")
        result = data.get("result") or {}
        status = result.get("status")
        state = status.get("state") if isinstance(status, dict) else None
        text = _text(status.get("message")) if isinstance(status, dict) else ""
        if state in ("failed", "rejected"):
            raise AgentFailed(f"The remote agent's task {state}{f': {text}' if text else '.'}")
        if state == "canceled":
            raise RunStopped("cancelled", text or "The task was cancelled on its server.")
        if state in WAITING:
            raise AgentFailed(
                f"The remote agent waits ({state}), which cannot be answered from here"
                f"{f': {text}' if text else '.'}"
            )
        event = super()._parse_stream_event(data)
        if state in GOING_ON and not result.get("final"):
            event.event_type, event.is_final = "working", False
        return event


def truthful(remote: Any) -> Any:
    """A copy of a remote component that speaks A2A, with the client above."""
    client = remote.a2a_client
    remote = copy.copy(remote)
    remote.a2a_client = TruthfulA2AClient(client.base_url, client.timeout, client.protocol)
    return remote


def _text(message: Any) -> str:
    """The text of a message of the protocol."""
    parts = message.get("parts") if isinstance(message, dict) else None
    found = [part.get("text") for part in parts or () if isinstance(part, dict)]
    return " ".join(text for text in found if isinstance(text, str))
