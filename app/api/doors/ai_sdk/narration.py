"""Turns the chunks of runs into the chunks of one message of the AI SDK.

See docs/decisions/069-a-message-of-the-ai-sdk-spans-the-runs-that-continue-it.md.
"""

from typing import Any

from ....core.log.journal import RunRecord
from ....models.chat import Citation, StreamingChunk
from . import chunks as ui
from .answered import Answer
from .asides import Asides
from .calls import Calls
from .errors import ABORTED

FINISH: dict[str, ui.FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "paused": "tool-calls",
}


class Narration:
    """The message so far; `feed` takes the chunks of its runs in order, from the first one.

    A message begins with its first run, and each run that continues it adds to it: so the chunks of
    a message are a function of the logs. With `joins` the message began before, elsewhere. `steps`
    counts those that it has begun.
    """

    def __init__(self, *, joins: bool = False) -> None:
        self._started = joins
        self._continues = joins
        self._metadata: dict[str, Any] = {}
        self.steps = 0
        self._in_step = False
        self._open: str | None = None  # "text" or "reasoning"
        self._count = 0  # of texts and reasonings
        self._sources: set[str] = set()
        self._calls = Calls()
        self._asides = Asides()

    def feed(
        self, record: RunRecord, chunk: StreamingChunk, *, last: bool = True
    ) -> list[ui.Chunk]:
        """Return the chunks of the next entry; with `last=False` another run continues this one."""
        out: list[ui.Chunk] = []
        if chunk.run_id is not None:
            self._metadata = _metadata(record, chunk)
        if chunk.reasoning:
            self._say(out, record, "reasoning", chunk.reasoning)
        if chunk.content:
            self._say(out, record, "text", chunk.content)
        if chunk.tool is not None:
            self._close(out)
            self._step(out, record, after=self._calls.is_new(chunk.tool))
            out += self._calls.tool(chunk.tool)
        theirs = chunk.said.tool if chunk.said is not None else None
        if theirs is not None and theirs.id in self._calls.pending:
            out += self._calls.tool(theirs)  # a member's call, which a person has approved
        out_of_line = [*self._asides.feed(chunk), *self._cite(chunk.citations), *_files(chunk)]
        if out_of_line:
            self._step(out, record)
            out += out_of_line
        if chunk.done:
            if last:
                self._end(out, record, chunk)
            else:
                self._pause(out, record, chunk)
        return out

    def answer(self, record: RunRecord, answers: list[Answer]) -> list[ui.Chunk]:
        """Return the chunks of what the client has answered before the run of `record`."""
        self._continues = self._started
        out: list[ui.Chunk] = []
        for given in answers:
            out += self._calls.answer(given)
        return out

    def reopen(self) -> None:
        """Go on in a step that is empty, which a page has after this message."""
        self._started, self._continues = True, False
        self._open = None
        self.steps += 1
        self._in_step = True
        self._calls.next_step()

    def _begin(self, out: list[ui.Chunk], record: RunRecord) -> None:
        """Begin the message, or say which run continues it."""
        if self._started and not self._continues:
            return
        metadata = self._metadata or _metadata(record, None)
        if self._continues:
            out.append(ui.MessageMetadata(message_metadata=metadata))
        else:
            out.append(ui.Start(message_id=message_id(record), message_metadata=metadata))
        self._started, self._continues = True, False

    def _step(self, out: list[ui.Chunk], record: RunRecord, *, after: bool = False) -> None:
        """Begin a step if none goes on; with `after` also if the last one's calls have results."""
        self._begin(out, record)
        if self._in_step and after and self._calls.answered and not self._calls.pending:
            out.append(ui.FinishStep())
            self._in_step = False
        if not self._in_step:
            out.append(ui.StartStep())
            self.steps += 1
            self._in_step = True
            self._calls.next_step()

    def _say(self, out: list[ui.Chunk], record: RunRecord, kind: str, text: str) -> None:
        if self._open != kind:
            self._close(out)
            self._step(out, record, after=True)
            self._open = kind
            self._count += 1
            begun = ui.TextStart if kind == "text" else ui.ReasoningStart
            out.append(begun(id=self._id))
        more = ui.TextDelta if kind == "text" else ui.ReasoningDelta
        out.append(more(id=self._id, delta=text))

    def _close(self, out: list[ui.Chunk]) -> None:
        if self._open is not None:
            ended = ui.TextEnd if self._open == "text" else ui.ReasoningEnd
            out.append(ended(id=self._id))
            self._open = None

    @property
    def _id(self) -> str:
        return f"{self._open}-{self._count}"

    def _cite(self, citations: list[Citation] | None) -> list[ui.Chunk]:
        found: list[ui.Chunk] = []
        for source in citations or []:
            key = source.url or f"{source.title}\n{source.text}"
            if key in self._sources:
                continue
            self._sources.add(key)
            name = f"source-{len(self._sources)}"
            if source.url is not None:
                found.append(ui.SourceUrl(source_id=name, url=source.url, title=source.title))
            else:
                title = source.title or source.query or source.kind
                found.append(
                    ui.SourceDocument(source_id=name, media_type="text/plain", title=title)
                )
        return found

    def _pause(self, out: list[ui.Chunk], record: RunRecord, chunk: StreamingChunk) -> None:
        """The end of a run that another one continues: the message goes on."""
        self._close(out)
        self._step(out, record)
        for item in chunk.requirements or []:
            out += self._calls.ask(item, record.run_id, decided=True)
        out += self._asides.end(chunk)

    def _end(self, out: list[ui.Chunk], record: RunRecord, chunk: StreamingChunk) -> None:
        self._close(out)
        self._step(out, record)
        for item in chunk.requirements or []:
            out += self._calls.ask(item, record.run_id, decided=False)
        reason = chunk.finish_reason or "stop"
        if reason not in ("paused", "tool_calls"):
            out += self._calls.close("The run ended before the tool.")
        out += self._asides.end(chunk)
        metadata: dict[str, Any] = {"finishReason": reason}
        if chunk.usage is not None:
            metadata["usage"] = chunk.usage
        if chunk.stored is not None:
            metadata["stored"] = chunk.stored
        if chunk.error is None:
            finish = FINISH.get(reason, "other")
            out.append(ui.FinishStep())
            out.append(ui.Finish(finish_reason=finish, message_metadata=metadata))
            return
        metadata["error"] = chunk.error
        out.append(ui.MessageMetadata(message_metadata=metadata))
        if reason in ABORTED:
            out.append(ui.Abort(reason=chunk.error.message))
        else:
            out.append(ui.Failure(error_text=chunk.error.message))


def message_id(record: RunRecord) -> str:
    """The id of the message that begins with a run."""
    return f"msg_{record.turn_id}"


def _metadata(record: RunRecord, chunk: StreamingChunk | None) -> dict[str, Any]:
    return {
        "runId": record.run_id,
        "conversationId": record.conversation_id,
        "agent": record.agent,
        "model": chunk.model if chunk is not None else record.model,
    }


def _files(chunk: StreamingChunk) -> list[ui.Chunk]:
    return [ui.File(url=item.url, media_type=item.mime_type) for item in chunk.media or []]
