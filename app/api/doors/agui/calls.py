"""The tool calls of a run: of the server's tools with their results, and those for the client."""

from collections.abc import Collection

import msgspec

from ....models.chat import Requirement, ToolCall
from ...client_calls import is_for_client
from . import events as ev
from .sealed import seal
from .voices import Emit, Ids, Voice

#: What tells a call of a run from those of other speakers: its owner, and the provider's id.
Key = tuple[str | None, str]


class Calls:
    """Emits the events of calls. Their ids are the provider's, unless these repeat within the run.

    `shown` are calls that the run before this one has shown: only their results are new; of those
    in `returned` the client has the results, too.
    """

    def __init__(
        self, ids: Ids, emit: Emit, *, shown: Collection[str] = (), returned: Collection[str] = ()
    ) -> None:
        self._ids = ids
        self._emit = emit
        self._shown = set(shown)
        self._returned = set(returned)
        self._used: set[str] = {*shown, *returned}
        self._open: dict[Key, str] = {}  # calls without a result, in order
        self._servers: set[str] = set()  # those that the server runs

    @property
    def pending(self) -> list[str]:
        """The ids of calls without a result, in the order in which they were made."""
        return list(self._open.values())

    def running(self, owner: str | None) -> list[str]:
        """The ids of an owner's calls that the server runs now."""
        return [
            found
            for (who, _), found in self._open.items()
            if who == owner and found in self._servers
        ]

    def take(self, voice: Voice, call: ToolCall) -> None:
        """Emit what is new of a call: its beginning, its result, or both."""
        key = (voice.owner, call.id)
        if is_for_client(call):
            self._begin(voice, key, call)
            return
        if key not in self._open:
            if call.id in self._shown | self._returned:
                self._open[key] = call.id
            else:
                self._begin(voice, key, call)
            self._servers.add(self._open[key])
        if call.status in ("completed", "failed"):
            self._finish(voice, key, call)

    def show(self, voice: Voice, requirement: Requirement) -> str | None:
        """Emit the call that a requirement is about, if it was not shown, and return its id."""
        tool = requirement.tool
        if tool is None:
            return None
        for (_, given), found in self._open.items():
            if given == tool.id:
                return found
        key = (voice.owner, tool.id)
        self._begin(voice, key, ToolCall(tool.id, tool.name, "started", tool.arguments))
        return self._open[key]

    def end(self, voice: Voice) -> None:
        """Answer the server's calls that have no result: their tools have not reported any."""
        for key, found in [*self._open.items()]:
            if found in self._servers:
                del self._open[key]
                self._result(voice, found, "")

    def _begin(self, voice: Voice, key: Key, call: ToolCall) -> None:
        owner, parent = voice.owner, voice.parent_of_call()
        found = call.id or self._ids.new()
        if found in self._used:
            found = f"{found}-{self._ids.new()}"
        self._used.add(found)
        self._open[key] = found
        self._emit(
            ev.ToolCallStart(
                tool_call_id=found,
                tool_call_name=call.name,
                parent_message_id=parent,
                subagent_run_id=owner,
            )
        )
        if arguments := _arguments(call):
            self._emit(ev.ToolCallArgs(tool_call_id=found, delta=arguments, subagent_run_id=owner))
        self._emit(ev.ToolCallEnd(tool_call_id=found, subagent_run_id=owner))
        if (data := seal(call)) is not None:
            self._emit(
                ev.EncryptedValue(
                    subtype="tool-call",
                    entity_id=found,
                    encrypted_value=data,
                    subagent_run_id=owner,
                )
            )

    def _finish(self, voice: Voice, key: Key, call: ToolCall) -> None:
        found = self._open.pop(key)
        if found not in self._returned:
            self._result(voice, found, call.result or "", failed=call.status == "failed")

    def _result(self, voice: Voice, found: str, content: str, *, failed: bool = False) -> None:
        self._emit(
            ev.ToolCallResult(
                message_id=voice.result(),
                tool_call_id=found,
                content=content,
                role="tool",
                subagent_run_id=voice.owner,
                metadata={"agno-stream": {"failed": True}} if failed else None,
            )
        )


def _arguments(call: ToolCall) -> str:
    """The arguments of a call as JSON, as the model wrote them if that is known."""
    if call.arguments_text is not None:
        return call.arguments_text
    return msgspec.json.encode(call.arguments or {}).decode()
