"""Turns the chunks of a run into AG-UI's events."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ....core.log.journal import RunRecord
from ....models.chat import Requirement, Speaker, StreamingChunk, Usage
from . import events as ev
from .calls import Calls
from .interrupts import interrupt, interrupt_id
from .request import Request
from .steps import Steps
from .subagents import Subagents
from .transcript import Transcript
from .voices import Ids, Voice

#: Finish reasons of runs that somebody stopped, or left.
STOPPED = ("cancelled", "disconnected")

#: Events of a run inside a run that end it without an answer, and the codes of their errors.
BROKEN = {
    "RunError": None,
    "WorkflowError": None,
    "RunCancelled": "cancelled",
    "WorkflowCancelled": "cancelled",
}

#: Events of a run inside a run that make it wait for a person.
PAUSED = ("RunPaused", "WorkflowPaused")


class Narration:
    """The events of one run; `feed` takes its chunks in order, from the first one.

    They depend on the chunks and on what is stored of the request alone, so the same log has the
    same events for each reader.
    """

    def __init__(self, record: RunRecord, request: Request) -> None:
        self._record = record
        self._request = request
        self._begun = False
        self._model = record.model
        self._events: list[ev.Event] = []
        ids = Ids(record.run_id)
        self._voice = Voice(ids, self._emit)
        self._calls = Calls(ids, self._emit, shown=request.shown, returned=request.returned)
        self._steps = Steps(self._emit)
        self._subagents = Subagents(ids, self._emit)
        self._final: list[str] = []
        self._transcript = Transcript(request.messages)

    def feed(self, chunk: StreamingChunk) -> list[ev.Event]:
        """Return the events of the next chunk."""
        self._events = []
        if chunk.finish_reason == "interrupted" or (chunk.done and not self._begun):
            # What was sent of it last is unknown, or nothing was: the error alone is true.
            self._fail(chunk)
            return self._events
        self._begin()
        self._model = chunk.model
        if (chunk.content or chunk.reasoning) and self._subagents.any_open:
            self._leave()
        if chunk.reasoning:
            self._voice.think(chunk.reasoning)
        if chunk.content:
            self._voice.say(chunk.content)
        if chunk.tool is not None:
            self._calls.take(self._voice, chunk.tool)
            self._leave()
        if chunk.step is not None:
            if chunk.step.status in ("completed", "failed"):
                self._subagents.leave(chunk.step.id)
            self._steps.take(chunk.step)
            self._leave()
        if chunk.speaker is not None and chunk.said is not None:
            self._say(chunk.speaker, chunk)
        if chunk.event is not None:
            self._report(chunk)
        if chunk.final is not None:
            self._final.append(chunk.final)
        if chunk.done:
            self._end(chunk)
        return self._events

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        request = self._request
        self._emit(
            ev.RunStarted(
                thread_id=request.thread_id,
                run_id=request.run_id,
                protocol_version=ev.VERSION,
                parent_run_id=request.parent_run_id,
            )
        )

    def _say(self, speaker: Speaker, chunk: StreamingChunk) -> None:
        added = chunk.said
        assert added is not None
        voice = self._subagents.voice(speaker, self._calls.running(None))
        if added.reasoning:
            voice.think(added.reasoning)
        if added.content:
            voice.say(added.content)
        if added.tool is not None:
            self._calls.take(voice, added.tool)

    def _leave(self) -> None:
        """Close the subagents if nothing goes on any more in which they could speak."""
        if not self._calls.running(None) and not self._steps.any_open:
            self._subagents.rest()

    def _report(self, chunk: StreamingChunk) -> None:
        event, owner = chunk.event, None
        assert event is not None
        if chunk.speaker is not None:
            owner = self._subagents.voice(chunk.speaker, self._calls.running(None)).owner
        self._emit(ev.Custom(name=event.name, value=event.data, subagent_run_id=owner))
        if chunk.speaker is None:
            return
        if event.name in PAUSED:
            self._subagents.pause(chunk.speaker)
        elif event.name in BROKEN:
            message = str(event.data.get("message") or event.name)
            self._subagents.fail(chunk.speaker, message, BROKEN[event.name])

    def _end(self, chunk: StreamingChunk) -> None:
        """Close what is open, and end the run.

        Clients older than 1.0 fail at a part of an outcome that they do not know, or take a success
        for the end of a thread whose calls are open: for them a success has no outcome, and a run
        that was cancelled is an error.
        """
        modern = self._request.declared
        if chunk.finish_reason in STOPPED and modern:
            self._subagents.stop()
            self._finish(chunk, ev.Cancelled())
        elif chunk.error is not None:
            self._voice.close()
            self._subagents.close_messages()
            self._fail(chunk)
        elif waits := [item for item in chunk.requirements or [] if item.kind != "external"]:
            self._interrupt(chunk, waits)
        else:
            self._show(chunk.requirements or [])
            self._calls.end(self._voice)
            self._subagents.end()
            pending = self._calls.pending or None
            self._finish(chunk, ev.Succeeded(pending) if modern else None)

    def _interrupt(self, chunk: StreamingChunk, waits: Sequence[Requirement]) -> None:
        calls = self._show(chunk.requirements or [])
        suspended: dict[str, list[str]] = {}
        found = []
        for item in waits:
            voice = self._subagents.named(item.member)
            owner = voice.owner if voice is not None else None
            if owner is not None:
                suspended.setdefault(owner, []).append(interrupt_id(self._record.run_id, item))
            found.append(interrupt(self._record.run_id, item, calls[item.id], owner))
        self._subagents.end(suspended)
        self._finish(chunk, ev.Interrupted(found))

    def _show(self, requirements: Sequence[Requirement]) -> dict[str, str | None]:
        """Show the calls that wait, and return their ids, by requirement."""
        return {
            item.id: self._calls.show(self._subagents.named(item.member) or self._voice, item)
            for item in requirements
        }

    def _finish(
        self, chunk: StreamingChunk, outcome: ev.Succeeded | ev.Interrupted | ev.Cancelled | None
    ) -> None:
        self._voice.close()
        self._steps.end()
        self._replace_text()
        if chunk.session_state is not None:
            self._emit(ev.StateSnapshot(snapshot=chunk.session_state))
        for name, value in (("citations", chunk.citations), ("followups", chunk.followups)):
            if value:
                found = msgspec.to_builtins(value)
                self._emit(ev.Custom(name=f"agno-stream.{name}", value=found))
        self._emit(
            ev.RunFinished(
                thread_id=self._request.thread_id,
                run_id=self._request.run_id,
                outcome=outcome,
                result=chunk.output,
                usage=self._usage(chunk.usage),
                metadata=_ending(chunk),
            )
        )

    def _replace_text(self) -> None:
        """Send the messages anew if the text was changed after it had been streamed."""
        if not self._final:
            return
        text = "".join(self._final)
        messages = self._transcript.with_text(text)
        if messages is None:
            self._emit(ev.Custom(name="agno-stream.final", value={"content": text}))
        else:
            self._emit(ev.MessagesSnapshot(messages=messages))

    def _fail(self, chunk: StreamingChunk) -> None:
        error = chunk.error
        self._emit(
            ev.RunError(
                message=error.message if error is not None else "The run has ended.",
                code=error.code if error is not None else None,
                usage=self._usage(chunk.usage),
            )
        )

    def _usage(self, usage: Usage | None) -> list[ev.TokenUsage] | None:
        if usage is None or usage.estimated:
            return None
        return [
            ev.TokenUsage(
                model=self._model,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                total_tokens=usage.input_tokens + usage.output_tokens,
                reasoning_tokens=usage.reasoning_tokens,
                cached_input_tokens=usage.cached_tokens,
            )
        ]

    def _emit(self, event: ev.Event) -> None:
        self._transcript.note(event)
        self._events.append(event)


def _ending(chunk: StreamingChunk) -> dict[str, Any] | None:
    """What the outcome does not tell of the end: a limit, and a turn that is not stored yet."""
    found: dict[str, Any] = {}
    if chunk.finish_reason in ("length", "content_filter"):
        found["finish_reason"] = chunk.finish_reason
    if chunk.stored is False:
        found["stored"] = False
    return {"agno-stream": found} if found else None
