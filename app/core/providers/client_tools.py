"""Tools that the client runs: the model may call them, and the call is the end of the answer.

To Agno they are functions with external execution: it runs its own tools, then pauses the run.

See docs/decisions/016-tools-of-a-client-pause-the-run.md.
See docs/decisions/017-a-tool-choice-holds-for-one-call.md.
"""

import json
from typing import Any

from agno.models.base import Model
from agno.models.message import Message
from agno.tools.function import Function, FunctionCall

from ..question import ClientCall, ClientTool


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
    """Ask a run's own copy of a model for `tool_choice`, until it has called a tool.

    An agent runs its own tools and asks again: a choice that held on would never let it answer.
    """
    model._tool_choice = choice


class KeepsClientCalls(Model):
    """Mixed in before a model class: keeps the calls that the client is to make, as written.

    Agno reads the arguments, takes the word "true" for a truth value, and sends what is no JSON
    back to the model; but what a client's tool takes is the client's to judge.
    """

    client_calls: list[ClientCall]

    def get_function_calls_to_run(
        self,
        assistant_message: Message,
        messages: list[Message],
        functions: dict[str, Function] | None = None,
    ) -> list[FunctionCall]:
        if self._tool_choice != "none":
            self._tool_choice = None  # it has been heeded
        own: list[dict[str, Any]] = []
        theirs: list[FunctionCall] = []
        for call in assistant_message.tool_calls or []:
            said = call.get("function") or {}
            function = (functions or {}).get(said.get("name") or "")
            if not isinstance(function, ClientFunction):
                own.append(call)
                continue
            kept = ClientCall(call.get("id") or "", function.name, said.get("arguments") or "{}")
            self.client_calls.append(kept)
            theirs.append(FunctionCall(function=function, call_id=kept.id))
        message = Message(role=assistant_message.role, tool_calls=own)
        return [*super().get_function_calls_to_run(message, messages, functions), *theirs]


def parsed(arguments: str) -> dict[str, Any] | None:
    """Arguments as an object; None where the model wrote something else."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
