"""The messages of one owner in a stream: of the run's own agent, or of a subagent."""

from collections.abc import Callable
from itertools import count

from . import events as ev

#: Takes the next event of a stream.
Emit = Callable[[ev.Event], None]


class Ids:
    """Makes the ids of a run's messages: the run's id, and a number."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._numbers = count(1)

    def new(self) -> str:
        return f"{self._run_id}-{next(self._numbers)}"


class Voice:
    """Text and reasoning of one owner, as messages that follow each other.

    `owner` is the `subagentRunId`, None for the run's own agent; `name` is shown with its messages.
    """

    def __init__(self, ids: Ids, emit: Emit, owner: str | None = None, name: str | None = None):
        self.owner = owner
        self._ids = ids
        self._emit = emit
        self._name = name
        self._text: str | None = None  # the id of the open message
        self._thought: str | None = None
        self._parent: str | None = None

    def say(self, text: str) -> None:
        """Add text to the open message, or to a new one."""
        if self._text is None:
            self.close()
            self._text = self._ids.new()
            self._emit(
                ev.TextStart(
                    message_id=self._text,
                    role="assistant",
                    name=self._name,
                    subagent_run_id=self.owner,
                )
            )
        self._emit(ev.TextContent(message_id=self._text, delta=text, subagent_run_id=self.owner))

    def think(self, text: str) -> None:
        """Add reasoning to the open reasoning, or to a new one."""
        owner = self.owner
        if self._thought is None:
            self.close()
            self._parent = None
            new = self._thought = self._ids.new()
            self._emit(ev.ReasoningStart(message_id=new, subagent_run_id=owner))
            self._emit(
                ev.ReasoningMessageStart(message_id=new, role="reasoning", subagent_run_id=owner)
            )
        self._emit(ev.ReasoningContent(message_id=self._thought, delta=text, subagent_run_id=owner))

    def close(self) -> None:
        """End the open message, if there is one."""
        owner = self.owner
        if self._text is not None:
            self._emit(ev.TextEnd(message_id=self._text, subagent_run_id=owner))
            self._text, self._parent = None, self._text
        if self._thought is not None:
            self._emit(ev.ReasoningMessageEnd(message_id=self._thought, subagent_run_id=owner))
            self._emit(ev.ReasoningEnd(message_id=self._thought, subagent_run_id=owner))
            self._thought = None

    def parent_of_call(self) -> str:
        """End the open message, and return the id of the message that a tool call belongs to: the
        text just before it, else one that consists of calls alone."""
        self.close()
        if self._parent is None:
            self._parent = self._ids.new()
        return self._parent

    def result(self) -> str:
        """Return the id of the message with a tool's result; later calls belong to a new one."""
        self.close()
        self._parent = None
        return self._ids.new()
