"""The messages of a run as a client has them, for a snapshot that replaces its text."""

from typing import Any

from . import events as ev

RawMessage = dict[str, Any]


class Transcript:
    """Applies the events of a run to messages, as a client does.

    `before` are the messages that the client has sent, None if they are not stored: then there is
    no snapshot, because a client drops the messages that a snapshot does not have.
    """

    def __init__(self, before: list[RawMessage] | None) -> None:
        self._before = before
        self._own: list[RawMessage] = []
        self._by_id: dict[str, RawMessage] = {}
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[str, RawMessage] = {}

    def note(self, event: ev.Event) -> None:
        """Apply an event to the messages."""
        if self._before is None:
            return
        if isinstance(event, ev.TextContent | ev.ReasoningContent):
            self._texts[event.message_id].append(event.delta)
        elif isinstance(event, ev.TextStart):
            name = {"name": event.name} if event.name else {}
            self._add(event.message_id, "assistant", event, **name)
            self._texts[event.message_id] = []
        elif isinstance(event, ev.ReasoningMessageStart):
            self._add(event.message_id, "reasoning", event)
            self._texts[event.message_id] = []
        elif isinstance(event, ev.ToolCallStart):
            self._call(event)
        elif isinstance(event, ev.ToolCallArgs):
            self._calls[event.tool_call_id]["function"]["arguments"] += event.delta
        elif isinstance(event, ev.EncryptedValue):
            self._calls[event.entity_id]["encryptedValue"] = event.encrypted_value
        elif isinstance(event, ev.ToolCallResult):
            found = {"toolCallId": event.tool_call_id, "content": event.content}
            self._add(event.message_id, "tool", event, **found)

    def with_text(self, text: str) -> list[RawMessage] | None:
        """Return all messages, with `text` as the last text of the run's own agent and without its
        earlier ones; None if there are no earlier messages to add them to."""
        if self._before is None:
            return None
        own = [message for message in self._own if _is_answer(message, self._texts)]
        messages = [*self._before]
        for message in self._own:
            if not own or message not in own:
                messages.append(self._whole(message))
            elif message is own[-1]:
                messages.append({**message, "content": text})
            elif "toolCalls" in message:
                messages.append(message)
        if not own:
            name = f"{self._own[-1]['id']}-final" if self._own else "final"
            messages.append({"id": name, "role": "assistant", "content": text})
        return messages

    def _whole(self, message: RawMessage) -> RawMessage:
        parts = self._texts.get(message["id"])
        return message if parts is None else {**message, "content": "".join(parts)}

    def _call(self, event: ev.ToolCallStart) -> None:
        parent = self._by_id.get(event.parent_message_id)
        if parent is None:
            parent = self._add(event.parent_message_id, "assistant", event)
        call: RawMessage = {
            "id": event.tool_call_id,
            "type": "function",
            "function": {"name": event.tool_call_name, "arguments": ""},
        }
        parent.setdefault("toolCalls", []).append(call)
        self._calls[event.tool_call_id] = call

    def _add(self, id_: str, role: str, event: ev.Attributed, **fields: Any) -> RawMessage:
        message: RawMessage = {"id": id_, "role": role, **fields}
        if event.subagent_run_id is not None:
            message["subagentRunId"] = event.subagent_run_id
        self._by_id[id_] = message
        self._own.append(message)
        return message


def _is_answer(message: RawMessage, texts: dict[str, list[str]]) -> bool:
    return (
        message["role"] == "assistant" and message["id"] in texts and "subagentRunId" not in message
    )
