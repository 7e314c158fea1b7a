"""Maps the events of an Agno run to chunks, by their names and by whose run they are."""

from typing import Any

from ....models.chat import FinishReason, Requirement, Said, StreamingChunk
from ...run_failures import RunStopped
from ...text import replace_lone_surrogates
from ..media_out import transcript
from .speakers import Speakers
from .steps import Outline, failed_steps, last_step, step_of
from .table import TABLE
from .values import data_of, pieces, shortened, text_of, tool_call
from .writer import ChunkWriter, Emit


class EventReader(ChunkWriter):
    """Emits the chunks of one run, and makes its last one; the run makes the first.

    `model` is the id of the model that answers; `pause` becomes the event by which the run pauses;
    `finished` is True once Agno has completed it; `failure` is the event of the run's failure;
    `by_function` is True if the answer is the output of a function of the workflow. `outline` is
    that of a workflow.
    """

    __slots__ = (
        *("_answering", "_outline", "_rewriting", "_run_id", "_speakers", "_thought"),
        *("by_function", "failure", "finished", "pause"),
    )

    def __init__(
        self,
        run_id: str,
        model: str,
        emit: Emit,
        *,
        team: bool = False,
        outline: Outline | None = None,
    ) -> None:
        super().__init__(model, emit)
        self.pause: Any = None
        self.finished = False
        self.failure: Any = None
        self.by_function = False
        self._run_id = run_id
        self._speakers = Speakers(run_id, team=team)
        self._outline = outline
        self._answering: str | None = None  # the step whose text is the answer
        self._rewriting = False
        self._thought = False  # reasoning has come as text, so its steps would repeat it

    def read(self, event: Any) -> None:
        """Emit the chunks for an event. Raises `RunStopped` if the run was cancelled inside
        Agno."""
        rule = TABLE.get(event.event)
        if rule is None:  # an event of the application's own, under a name of its own
            rule = TABLE["CustomEvent"]
        own = event.run_id == self._run_id or event.run_id is None
        if not own and self._outline is not None and getattr(event, "workflow_agent", False):
            own = True  # the agent of a workflow that answers by itself
        handler = rule.own if own else rule.nested
        if handler is not None:
            getattr(self, handler)(event)

    # ---- the run itself ----

    def own_content(self, event: Any) -> None:
        if self._rewriting:
            return  # the last chunk has it whole, instead of the text that was streamed
        if event.citations is not None:
            self.answer.cite(event.citations)
        content = transcript(event) if event.content in (None, "") else event.content
        self._thought = self._thought or bool(event.reasoning_content)
        self.content(content, event.reasoning_content)

    def own_reasoning(self, event: Any) -> None:
        self._thought = True
        self.content(None, event.reasoning_content)

    def own_reasoning_step(self, event: Any) -> None:
        if not self._thought and event.reasoning_content:
            self.content(None, event.reasoning_content)

    def own_tool(self, event: Any) -> None:
        if event.tool is not None:
            self._chunk(tool=tool_call(event.event, event.tool))

    def requested(self, event: Any) -> None:
        self.answer.add_request(event)

    def requested_inside(self, event: Any) -> None:
        self.answer.add_request(event, nested=True)

    def rewriting_began(self, event: Any) -> None:
        self._rewriting = True

    def rewriting_ended(self, event: Any) -> None:
        self._rewriting = False

    def followed_up(self, event: Any) -> None:
        self.answer.followups = [replace_lone_surrogates(text) for text in event.followups or []]

    def completed(self, event: Any) -> None:
        self.answer.complete(event)
        self.finished = True
        if self._outline is not None:
            for step in failed_steps(event):
                self._chunk(step=step)
            last = last_step(event)
            if last is not None and last.error and not last.success:
                self.failure = event  # Agno takes the words of the error for the answer
            self.by_function = getattr(last, "executor_type", None) == "function"

    def failed(self, event: Any) -> None:
        self.failure = event

    def cancelled(self, event: Any) -> None:
        raise RunStopped("cancelled", event.reason or "The run was cancelled.")

    def paused(self, event: Any) -> None:
        self.pause = event

    def notice(self, event: Any) -> None:
        """Something that the agent did besides answering, such as remembering: that, and not
        what it remembers."""
        data = {k: v for k, v in data_of(event).items() if not isinstance(v, dict | list)}
        self._event(event.event.removeprefix("Team"), data, None)

    def custom(self, event: Any) -> None:
        speaker = None if event.run_id in (None, self._run_id) else self._speakers.of(event)
        name = type(event).__name__
        name = event.event if name == "CustomEvent" else name
        self._event(name, data_of(event), speaker)

    def step(self, event: Any) -> None:
        if self._outline is not None:
            self._outline.note(event)
            began = event.event in ("StepStarted", "StepExecutorContinued")
            if began and self._outline.answers(event):
                self._answering = event.step_id
        self._chunk(step=step_of(event))

    def step_output(self, event: Any) -> None:
        text = text_of(event.content)
        for piece in pieces(text):
            self._chunk(speaker=self._speakers.step(event), said=Said(content=piece))

    # ---- runs inside it ----

    def said_content(self, event: Any) -> None:
        if self._answering is not None and self._is_answer(event):
            self.own_content(event)
            return
        speaker = self._speakers.of(event)
        text = text_of(event.content)
        reasoning = text_of(event.reasoning_content)
        for piece in pieces(text) if text else [""]:
            if piece or reasoning:
                added = Said(content=piece or None, reasoning=reasoning or None)
                self._chunk(speaker=speaker, said=added)
                reasoning = ""

    def _is_answer(self, event: Any) -> bool:
        """Whether an event is of the agent or team that runs the step that answers."""
        return (
            event.step_id == self._answering
            and getattr(event, "workflow_run_id", None) == self._run_id
            and getattr(event, "parent_run_id", None) in (None, self._run_id)
        )

    def said_reasoning(self, event: Any) -> None:
        added = Said(reasoning=text_of(event.reasoning_content))
        self._chunk(speaker=self._speakers.of(event), said=added)

    def said_tool(self, event: Any) -> None:
        if event.tool is not None:
            added = Said(tool=tool_call(event.event, event.tool))
            self._chunk(speaker=self._speakers.of(event), said=added)

    def said_completed(self, event: Any) -> None:
        self.answer.complete_inside(event)

    def said_ended(self, event: Any) -> None:
        """Another run's failure, cancellation or pause: it ends that run, and not this one."""
        given = (getattr(event, name, None) for name in ("reason", "error", "content"))
        reason = next(filter(None, given), None)
        data = {"message": shortened(text_of(reason))} if reason else {}
        self._event(event.event.removeprefix("Team"), data, self._speakers.of(event))

    # ---- the end ----

    def ending(
        self, reason: FinishReason | None, requirements: list[Requirement] | None = None
    ) -> StreamingChunk:
        """The last chunk of a run that did not fail, after what is missing before it.

        It ends as `tool_calls` only if it waits for the client, not after tools of its own. With
        `requirements` it is paused until a person decides on them.
        """
        if requirements:
            reason = "paused"
        elif self.pause is not None:
            reason = "tool_calls"
        elif reason is None or reason == "tool_calls":
            reason = "stop"
        return self.end(reason, requirements)
