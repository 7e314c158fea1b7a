"""Turns the chunks of a run into the events and the output items of a response."""

from msgspec.structs import replace

from ....core.log.journal import RunRecord
from ....models.chat import Citation, StreamingChunk
from ....models.growing import GrowingText
from ...client_calls import is_for_client
from . import events as ev
from .calls import Calls
from .items import Item, Message, OutputText, Reasoning, Status, SummaryText, UrlCitation
from .resource import Request, Response, ended, opening

#: The event with which a response ends, by its status.
ENDS: dict[str, type[ev.ResponseEvent]] = {
    "completed": ev.Completed,
    "incomplete": ev.Incomplete,
    "failed": ev.Failed,
    "cancelled": ev.Failed,  # there is no event for it; `status` has the word
}


class Narration:
    """The response of one run, so far; `feed` takes its chunks in order, from the first one.

    The events depend on the chunks and on what is stored of the request alone, so the same log has
    the same events, with the same numbers, for each reader.
    """

    def __init__(self, record: RunRecord, request: Request) -> None:
        self.response = opening(record, request)
        self.sequence = 0  # the number of the next event
        self.output: list[Item] = []
        self._record = record
        self._queued = request.background
        self._begun = False
        self._events: list[ev.Event] = []
        self._calls = Calls(record.run_id, request, self.output, self._emit)
        self._text = GrowingText()
        self._citations: list[UrlCitation] = []
        self._final: GrowingText | None = None
        self._open: Message | Reasoning | None = None  # always the last one of its kind

    def snapshot(self) -> Response:
        """Return the response as it is now, with the text of the item that is open."""
        output = list(self.output)
        if self._open is not None:
            output[self._index] = self._filled("in_progress")
        return replace(self.response, output=output)

    def feed(self, chunk: StreamingChunk) -> list[ev.Event]:
        """Return the events of the next chunk."""
        self._events = []
        self._begin()
        if chunk.model != self._record.model:  # the fallback answers
            self.response.model = chunk.model
        if chunk.reasoning:
            self._reason(chunk.reasoning)
        if chunk.content:
            self._say(chunk.content)
        if chunk.tool is not None:
            self._close("completed")
            if is_for_client(chunk.tool):
                self._calls.for_client(chunk.tool)
            else:
                self._calls.of_server(chunk.tool)
        if chunk.citations:
            self._cite(chunk.citations)
        if chunk.final is not None:
            self._final = self._final or GrowingText()
            self._final.append(chunk.final)
        if chunk.done:
            self._end(chunk)
        return self._events

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._emit(ev.Created, response=replace(self.response))
            if self._queued:
                self._emit(ev.Queued, response=replace(self.response))
                return
        elif not self._queued:
            return
        self._queued = False
        self.response.status = "in_progress"
        self._emit(ev.InProgress, response=replace(self.response))

    def _reason(self, text: str) -> None:
        if not isinstance(self._open, Reasoning):
            self._close("completed")
            item = Reasoning(self._id("rs"), "in_progress", [])
            self._add(item)
            self._part(ev.SummaryPartAdded, summary_index=0, part=SummaryText(""))
        self._text.append(text)
        self._part(ev.SummaryDelta, summary_index=0, delta=text)

    def _say(self, text: str) -> None:
        self._open_message()
        self._text.append(text)
        self._part(ev.TextDelta, content_index=0, delta=text)

    def _open_message(self) -> None:
        if not isinstance(self._open, Message):
            self._close("completed")
            self._add(Message(self._id("msg"), "in_progress", []))
            self._part(ev.PartAdded, content_index=0, part=OutputText(""))

    def _cite(self, citations: list[Citation]) -> None:
        """Add the pages among the sources to the message; they are cited at its end."""
        if not isinstance(self._open, Message):
            return
        place = len(str(self._text))
        for source in citations:
            found = UrlCitation(source.url or "", source.title or source.url or "", place, place)
            if source.url is None or any(found.url == known.url for known in self._citations):
                continue
            self._part(
                ev.AnnotationAdded,
                content_index=0,
                annotation_index=len(self._citations),
                annotation=found,
            )
            self._citations.append(found)

    def _end(self, chunk: StreamingChunk) -> None:
        done = ended(self.response, chunk)
        answered = any(isinstance(item, Message) for item in self.output)
        waiting = self._calls.waiting or bool(chunk.requirements)
        if done.status == "completed" and not answered and not waiting:
            self._open_message()  # an empty answer is a message without text
        if self._final:
            self._open_message()
        self._close("completed" if done.status == "completed" else "incomplete")
        for requirement in chunk.requirements or []:
            self._calls.request_approval(requirement)
        if self._final:
            self._replace_text()
        self._calls.close()
        done.output = self.output
        self.response = done
        self._emit(ENDS[done.status], response=done)

    def _replace_text(self) -> None:
        """Take the text from all messages but the last: `final` replaces that of all of them."""
        messages = [n for n, item in enumerate(self.output) if isinstance(item, Message)]
        for place in messages[:-1]:
            self.output[place] = replace(self.output[place], content=[])

    def _add(self, item: Message | Reasoning) -> None:
        self._open = item
        self._text = GrowingText()
        self._citations = []
        self._index = len(self.output)
        self.output.append(item)
        self._emit(ev.ItemAdded, output_index=self._index, item=item)

    def _close(self, status: Status) -> None:
        """End the item that is open."""
        item = self._open
        if item is None:
            return
        if self._final and isinstance(item, Message):
            self._text = self._final
        done = self._filled(status)
        if isinstance(done, Reasoning):
            part = done.summary[0]
            self._part(ev.SummaryDone, summary_index=0, text=part.text)
            self._part(ev.SummaryPartDone, summary_index=0, part=part)
        else:
            content = done.content[0]
            self._part(ev.TextDone, content_index=0, text=content.text)
            self._part(ev.PartDone, content_index=0, part=content)
        self.output[self._index] = done
        self._open = None
        self._emit(ev.ItemDone, output_index=self._index, item=done)

    def _filled(self, status: Status) -> Message | Reasoning:
        """Return the open item with its text so far."""
        text = str(self._text)
        if isinstance(self._open, Reasoning):
            return replace(self._open, status=status, summary=[SummaryText(text)])
        assert self._open is not None
        content = OutputText(text, list(self._citations))
        return replace(self._open, status=status, content=[content])

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._record.run_id}_{len(self.output)}"

    def _part(self, kind: type[ev.ItemEvent], **fields: object) -> None:
        """Emit an event about the open item."""
        assert self._open is not None
        self._emit(kind, item_id=self._open.id, output_index=self._index, **fields)

    def _emit(self, kind: type[ev.Event], **fields: object) -> None:
        self._events.append(kind(sequence_number=self.sequence, **fields))
        self.sequence += 1
