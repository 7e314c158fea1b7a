"""The calls of tools in a response: those for the client, and those that the server has run.

See docs/decisions/056-tools-of-the-server-have-two-forms.md.
"""

from typing import Protocol

import msgspec
from msgspec.structs import replace

from ....models.chat import Requirement, ToolCall
from . import events as ev
from .items import (
    ApprovalRequest,
    CustomToolCall,
    FunctionCall,
    FunctionCallOutput,
    Item,
    McpCall,
    McpError,
    Status,
)
from .pauses import approval_id
from .resource import Request

#: The name under which the agent's own tools stand in `mcp_call`s.
SERVER_LABEL = "agno-stream"


class Emit(Protocol):
    def __call__(self, kind: type[ev.Event], **fields: object) -> None: ...


class Calls:
    """Adds calls to the output of a response, and emits their events.

    A tool of the server is shown as a `function_call` with its `function_call_output`, or as one
    `mcp_call` to a client that runs tools itself. `waiting` is True if a call is for the client.
    """

    def __init__(self, run_id: str, request: Request, output: list[Item], emit: Emit) -> None:
        self.waiting = False
        self._run_id = run_id
        self._request = request
        self._output = output
        self._emit = emit
        self._started: dict[str, int] = {}  # the places of calls without a result, by call id

    def for_client(self, call: ToolCall) -> None:
        """Add a call that the client is to run."""
        self.waiting = True
        arguments = call.arguments_text or "{}"
        if call.name in self._request.custom_tools:
            self._custom(call, arguments)
        else:
            self._function(call, arguments)

    def of_server(self, call: ToolCall) -> None:
        """Add a call that the server runs, when it begins, and its result, when it ends."""
        started = call.id in self._started
        if not started:
            self._start(call)
        if call.status in ("completed", "failed"):
            self._finish(call, self._started.pop(call.id))

    def request_approval(self, requirement: Requirement) -> None:
        """Add a question to a person, which the client is to put."""
        self.waiting = True
        tool = requirement.tool
        item = ApprovalRequest(
            approval_id(self._run_id, requirement),
            requirement.member or requirement.step or SERVER_LABEL,
            tool.name if tool is not None else requirement.kind,
            msgspec.json.encode(
                tool.arguments if tool is not None else _asked(requirement)
            ).decode(),
        )
        self._done(self._add(item), item)

    def close(self) -> None:
        """Emit the end of each `mcp_call` without a result, as incomplete: the run has ended."""
        for index in self._started.values():
            item = self._output[index]
            if isinstance(item, McpCall):
                self._output[index] = replace(item, status="incomplete")
                self._emit(ev.ItemDone, output_index=index, item=self._output[index])

    def _start(self, call: ToolCall) -> None:
        arguments = _text_of(call)
        if not self._request.hosted:
            self._started[call.id] = self._function(call, arguments)
            return
        item = McpCall(self._id("mcp"), SERVER_LABEL, call.name, "", status="in_progress")
        index = self._started[call.id] = self._add(item)
        self._emit(ev.McpInProgress, item_id=item.id, output_index=index)
        self._emit(ev.McpArgumentsDelta, item_id=item.id, output_index=index, delta=arguments)
        self._emit(ev.McpArgumentsDone, item_id=item.id, output_index=index, arguments=arguments)
        self._output[index] = replace(item, arguments=arguments)

    def _finish(self, call: ToolCall, index: int) -> None:
        result = call.result or ""
        item = self._output[index]
        if not isinstance(item, McpCall):
            status: Status = "completed" if call.status == "completed" else "incomplete"
            output = FunctionCallOutput(self._id("fco"), call.id, result, status)
            place = self._add(output)
            self._emit(ev.ItemDone, output_index=place, item=output)
            return
        failed = call.status == "failed"
        event = ev.McpFailed if failed else ev.McpCompleted
        error = McpError([{"type": "text", "text": result}]) if failed else None
        self._output[index] = replace(
            item,
            output=None if failed else result,
            error=error,
            status="failed" if failed else "completed",
        )
        self._emit(event, item_id=item.id, output_index=index)
        self._emit(ev.ItemDone, output_index=index, item=self._output[index])

    def _function(self, call: ToolCall, arguments: str) -> int:
        item = FunctionCall(self._id("fc"), call.id, call.name, "", "in_progress")
        index = self._add(item)
        self._emit(ev.ArgumentsDelta, item_id=item.id, output_index=index, delta=arguments)
        self._emit(ev.ArgumentsDone, item_id=item.id, output_index=index, arguments=arguments)
        self._done(index, replace(item, arguments=arguments, status="completed"))
        return index

    def _custom(self, call: ToolCall, arguments: str) -> None:
        item = CustomToolCall(self._id("ctc"), call.id, call.name, "", "in_progress")
        index, text = self._add(item), _input_of(arguments)
        self._emit(ev.InputDelta, item_id=item.id, output_index=index, delta=text)
        self._emit(ev.InputDone, item_id=item.id, output_index=index, input=text)
        self._done(index, replace(item, input=text, status="completed"))

    def _add(self, item: Item) -> int:
        self._output.append(item)
        index = len(self._output) - 1
        self._emit(ev.ItemAdded, output_index=index, item=item)
        return index

    def _done(self, index: int, item: Item) -> None:
        self._output[index] = item
        self._emit(ev.ItemDone, output_index=index, item=item)

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._run_id}_{len(self._output)}"


def _asked(requirement: Requirement) -> dict[str, str]:
    """The question to a person about a step, which has no arguments."""
    fields = {"note": requirement.note, "output": requirement.output}
    return {name: text for name, text in fields.items() if text}


def _text_of(call: ToolCall) -> str:
    """The arguments of a call as JSON, as the model wrote them if that is known."""
    if call.arguments_text is not None:
        return call.arguments_text
    return msgspec.json.encode(call.arguments or {}).decode()


def _input_of(arguments: str) -> str:
    """The plain text of a call of a custom tool, which the model was shown as a function."""
    try:
        return msgspec.json.decode(arguments, type=dict[str, str])["input"]
    except (msgspec.MsgspecError, KeyError):
        return arguments
