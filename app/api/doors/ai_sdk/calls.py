"""The calls of tools in a message of the AI SDK: the server's, the client's, and what a person
decides."""

from typing import Any

import msgspec

from ....core.pauses import YES_OR_NO
from ....models.chat import Requirement, ToolCall
from ...client_calls import is_for_client
from . import chunks as ui
from .answered import Answer
from .parts import OWN

#: The result of a call that has no other one.
APPROVED = {"approved": True}


class Calls:
    """The calls of one message, so far. Each method returns chunks.

    `pending` are those without a result, by id, with the name of their tool. A tool of the server
    is `providerExecuted`, so that a page neither runs it nor sends the message because of it.
    """

    def __init__(self) -> None:
        self.pending: dict[str, str] = {}
        self._inputs: set[str] = set()  # the calls in the current step
        self._steps: set[str] = set()  # questions about steps, which have no result
        self._approved: set[str] = set()
        self.answered = False  # whether a call of the current step has its result

    def next_step(self) -> None:
        self._inputs = set(self.pending)
        self.answered = False

    def is_new(self, tool: ToolCall) -> bool:
        return tool.id not in self._inputs

    def tool(self, tool: ToolCall) -> list[ui.Chunk]:
        """The next state of a call."""
        if is_for_client(tool):
            return self._for_client(tool)
        found: list[ui.Chunk] = []
        if self.is_new(tool):
            found += self._input(tool.id, tool.name, tool.arguments or {}, own=True)
        if tool.status == "completed":
            found += self.output(tool.id, tool.result or "")
        elif tool.status == "failed":
            found += self.failure(tool.id, tool.result or "The tool failed.")
        return found

    def output(self, call_id: str, value: Any, *, own: bool = True) -> list[ui.Chunk]:
        self._settle(call_id)
        executed = _executed(own)
        return [
            ui.ToolOutputAvailable(tool_call_id=call_id, output=value, provider_executed=executed)
        ]

    def failure(self, call_id: str, text: str, *, own: bool = True) -> list[ui.Chunk]:
        self._settle(call_id)
        executed = _executed(own)
        return [
            ui.ToolOutputError(tool_call_id=call_id, error_text=text, provider_executed=executed)
        ]

    def ask(self, item: Requirement, run_id: str, *, decided: bool) -> list[ui.Chunk]:
        """A question to a person: an approval, or a call whose result the client gives.

        With `decided` the answer follows, so that no decision is requested.
        """
        call_id, found = call_id_of(item), list[ui.Chunk]()
        approval = item.kind in YES_OR_NO
        if call_id not in self._inputs:
            if item.tool is None:
                self._steps.add(call_id)
            name = item.tool.name if item.tool else item.kind
            given = item.tool.arguments if item.tool else _asked(item)
            found += self._input(call_id, name, given, own=approval)
        if approval and not decided:
            found.append(
                ui.ToolApprovalRequest(
                    approval_id=f"{run_id}_{item.id}", tool_call_id=call_id, reason=item.note
                )
            )
        found.append(ui.Data("data-requirement", item, id=item.id))
        return found

    def answer(self, given: Answer) -> list[ui.Chunk]:
        """What a client has answered on a call, before the run that continues."""
        if given.call_id not in self.pending:
            return []
        if given.approved is False:
            self._settle(given.call_id)
            return [ui.ToolOutputDenied(tool_call_id=given.call_id)]
        if given.error is not None:
            return self.failure(given.call_id, given.error, own=False)
        if given.approved and given.call_id not in self._steps:
            self._approved.add(given.call_id)
            return []  # the run shows the result
        if given.approved:
            return self.output(given.call_id, APPROVED)
        return self.output(given.call_id, given.output, own=False)

    def close(self, reason: str) -> list[ui.Chunk]:
        """End the calls that have no result: the run has ended before, or has not shown one."""
        found: list[ui.Chunk] = []
        for call_id in list(self.pending):
            shown = call_id in self._approved
            found += self.output(call_id, APPROVED) if shown else self.failure(call_id, reason)
        return found

    def _settle(self, call_id: str) -> None:
        self.pending.pop(call_id, None)
        self.answered = True

    def _input(self, call_id: str, name: str, given: Any, *, own: bool) -> list[ui.Chunk]:
        self._inputs.add(call_id)
        self.pending[call_id] = name
        executed = _executed(own)
        return [
            ui.ToolInputStart(tool_call_id=call_id, tool_name=name, provider_executed=executed),
            ui.ToolInputAvailable(
                tool_call_id=call_id, tool_name=name, input=given, provider_executed=executed
            ),
        ]

    def _for_client(self, tool: ToolCall) -> list[ui.Chunk]:
        text, found = tool.arguments_text or "", list[ui.Chunk]()
        if self.is_new(tool):
            found = [
                ui.ToolInputStart(tool_call_id=tool.id, tool_name=tool.name),
                ui.ToolInputDelta(tool_call_id=tool.id, input_text_delta=text),
            ]
        self._inputs.add(tool.id)
        self.pending[tool.id] = tool.name
        try:
            given = msgspec.json.decode(text or "{}")
        except msgspec.DecodeError:
            problem = f"The arguments of {tool.name} are not JSON."
            self._settle(tool.id)
            broken = ui.ToolInputError(
                tool_call_id=tool.id, tool_name=tool.name, input=text, error_text=problem
            )
            return [*found, broken]
        metadata = {OWN: dict(tool.provider_data)} if tool.provider_data else None
        whole = ui.ToolInputAvailable(
            tool_call_id=tool.id, tool_name=tool.name, input=given, provider_metadata=metadata
        )
        return [*found, whole]


def call_id_of(item: Requirement) -> str:
    """The id of the call that shows what a run waits for: that of the tool, if there is one."""
    return item.tool.id if item.tool else item.id


def _executed(own: bool) -> bool | None:
    return True if own else None


def _asked(item: Requirement) -> dict[str, Any]:
    """The question to a person about a step, which has no arguments."""
    fields = {"step": item.step, "note": item.note, "output": item.output}
    return {name: text for name, text in fields.items() if text}
