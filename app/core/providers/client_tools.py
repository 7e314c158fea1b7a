"""Tools that the client runs: the model may call them, and the call is the end of the answer.

To Agno they are functions with external execution: it runs its own tools, then pauses the run.

See docs/decisions/016-tools-of-a-client-pause-the-run.md.
See docs/decisions/017-a-tool-choice-holds-for-one-call.md.
"""

import json
from itertools import zip_longest
from typing import Any

from agno.models.base import Model
from agno.models.message import Message
from agno.tools.function import Function

from ..question import ClientCall, ClientTool
from .wire.replay import KEY

_NOTHING: dict[str, Any] = {}


class ClientFunction(Function):
    """A client's tool, of which the provider sees what the client wrote, and no field of Agno's."""

    spec: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return self.spec


def client_function(tool: ClientTool) -> ClientFunction:
    spec = {
        "name": tool.name,
        "description": tool.description or None,
        "parameters": tool.parameters or None,
        "strict": tool.strict,
    }
    return ClientFunction(
        name=tool.name,
        external_execution=True,
        external_execution_silent=True,
        skip_entrypoint_processing=True,
        spec={name: value for name, value in spec.items() if value is not None},
    )


def choose_tool(model: Model, choice: str | dict[str, Any]) -> None:
    """Set `tool_choice` on a run's own copy of a model, until it has called a tool.

    An agent runs its own tools and sends another request: a choice that held on would never let it
    answer.
    """
    model._tool_choice = choice


def split_calls(
    message: Message, functions: dict[str, Function]
) -> tuple[list[dict[str, Any]], list[ClientCall]]:
    """The calls that Agno is to run, and those for the client, as the model wrote them.

    Agno reads the arguments, takes the word "true" for a truth value, and sends what is no JSON
    back to the model; but the arguments of a client's tool are the client's to judge.
    """
    own: list[dict[str, Any]] = []
    theirs: list[ClientCall] = []
    found = (message.provider_data or {}).get(KEY) or {"message": {}, "calls": []}
    beside: dict[str, Any] = found["message"]
    extras: list[dict[str, Any]] = found["calls"]
    for call, extra in zip_longest(message.tool_calls or [], extras, fillvalue=_NOTHING):
        written = call.get("function") or {}
        function = functions.get(written.get("name") or "")
        if isinstance(function, ClientFunction):
            arguments = written.get("arguments") or "{}"
            extra = {**_signature(call), **extra}
            id = call.get("id") or ""
            theirs.append(ClientCall(id, function.name, arguments, extra, beside))
            beside = {}  # once for all calls of a message
        elif call:
            own.append(call)
    return own, theirs


def _signature(call: dict[str, Any]) -> dict[str, Any]:
    """What Agno's class for Gemini keeps with a call, and wants back."""
    return {key: call[key] for key in ("thought_signature",) if call.get(key)}


def parsed(arguments: str) -> dict[str, Any] | None:
    """Arguments as an object; None where the model wrote something else."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
