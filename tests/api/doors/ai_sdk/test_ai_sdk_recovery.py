"""What a recovery makes void on a page of the AI SDK that knows `reset-step`, and on any other."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.doors.ai_sdk.answered import stored
from app.api.doors.ai_sdk.encoder import AiSdkEncoder, Earlier
from app.api.doors.ai_sdk.routes import _resets
from app.api.steady import Steady
from app.core.log.follower import Follower
from app.core.log.journals.memory import MemoryJournal
from app.core.log.sources import JournalSource
from app.models.chat import Citation, NamedEvent, Recovered, StreamingChunk, ToolCall
from app.models.numbers import event_number
from tests.api.doors.ai_sdk.page import Page
from tests.api.doors.ai_sdk.test_ai_sdk_encoder import LASTS, PARTS, PAUSED, frames, record


def chunk(text: str = "", **fields: Any) -> StreamingChunk:
    return StreamingChunk(text, fields.pop("done", False), "m", **fields)


def call(status: Any, name: str = "look") -> StreamingChunk:
    result = "found" if status == "completed" else None
    return chunk(tool=ToolCall(f"call-{name}", name, status, {}, result=result))


END = chunk(done=True, finish_reason="stop")
BATCH = [call("started"), call("completed")]
EARLIER = [chunk("Before. "), *BATCH, chunk("Then. ")]


class Reading:
    """A page that reads a run by entries, as a response would send them, and those of its other
    runs before."""

    def __init__(self, earlier: list[StreamingChunk] | None = None, *, resets: bool = True) -> None:
        run = record("s", stored("r", []), origin="r") if earlier is not None else record()
        self.run = msgspec.structs.replace(run, recipe="{}")
        known = [Earlier(record(), [(0.0, entry) for entry in earlier or []])]
        self.encoder = AiSdkEncoder(
            self.run, known if earlier is not None else (), replay=True, resets=resets
        )
        source = JournalSource(self.run, MemoryJournal(), None, saw_end=False)
        self.follower = Follower(self.run, source, 0)
        self._steady = Steady(self.follower, self.encoder.takes_back)
        self.page = Page()
        self.sent: list[dict[str, Any]] = []
        self._number = 0

    def read(self, *entries: StreamingChunk) -> "Reading":
        """Take entries of the log, one after the other; those after an end are not sent."""
        for entry in entries:
            if self.follower.done:
                break
            for before, piece in self._steady.pieces(self._number, [(0.0, entry)]):
                for n, (_, found) in enumerate(piece, before + 1):
                    data = frames(self.encoder.encode(n, found))
                    self.sent += [json.loads(text) for text in data if text != "[DONE]"]
                    self.page.read(data)
            self._number += 1
        return self

    def recover(self, after: int) -> "Reading":
        return self.read(chunk(recovered=Recovered(event_number(after, ()), 0, 1)))

    @property
    def types(self) -> list[str]:
        return [sent["type"] for sent in self.sent]


def seen(page: Page) -> list[Any]:
    """The parts of a message; a step that is empty shows nothing."""
    left = [part for part in page.parts if part["type"] != "step-start"]
    fields = ("type", "text", "toolCallId", "state", "data", "url", "sourceId")
    return [{name: part[name] for name in fields if name in part} for part in left]


#: What stands, what is void, and whether a page can drop it.
VOID: dict[str, tuple[list[StreamingChunk], list[StreamingChunk], bool]] = {
    "text from the beginning": ([], [chunk("Hel"), chunk("lo")], True),
    "reasoning and text": ([], [chunk(reasoning="Hm."), chunk("Hello")], True),
    "text after a tool": ([chunk("One. "), *BATCH], [chunk("Two")], True),
    "a tool that began": ([], [chunk("One. "), call("started")], True),
    "a tool of the same step": ([chunk("One. ")], [call("started")], True),
    "more of the same text": ([chunk("One. ")], [chunk("More.")], True),
    "sources": ([chunk("One. ")], [chunk(citations=[Citation("url", "u")])], True),
    "an event": ([*BATCH], [chunk(event=NamedEvent("x", {}))], True),
    "a repeated tool": ([call("started")], [call("completed"), chunk("Two")], True),
    "two steps": ([], [*BATCH, chunk("Two")], False),
    "text, and a step": ([chunk("One. ")], [chunk("More."), *BATCH, chunk("Two")], False),
    "an event, and a step": ([*BATCH], [chunk(event=NamedEvent("x", {})), chunk("Two")], False),
}


@pytest.mark.parametrize("earlier", [None, EARLIER], ids=["one run", "continued"])
@pytest.mark.parametrize("name", VOID)
def test_void_parts_are_taken_back(name: str, earlier: list[StreamingChunk] | None) -> None:
    """A page that knows `reset-step` ends up with the answer of an undisturbed run, if what is void
    is in its last step; else, and without that chunk, it gets the end of an interrupted run."""
    stands, void, can = VOID[name]
    opening = chunk(run_id="s" if earlier else "r")
    rest = [chunk("Three. "), END]
    undisturbed = Reading(earlier).read(opening, *stands, *rest)
    reading = Reading(earlier).read(opening, *stands, *void).recover(1 + len(stands)).read(*rest)
    assert can == ("reset-step" in reading.types)
    assert can == (reading.page.error is None)
    if can:
        assert seen(undisturbed.page) == seen(reading.page)
        assert "stop" == reading.page.finish
    old = Reading(earlier, resets=False).read(opening, *stands, *void).recover(1 + len(stands))
    assert "reset-step" not in old.types
    assert old.follower.done
    assert old.page.error is not None


def test_recovered_twice() -> None:
    """What follows a recovery can be void, too."""
    reading = Reading().read(chunk(run_id="r"), chunk("One. "), *BATCH, chunk("Tw")).recover(4)
    reading.read(chunk("Two")).recover(4).read(chunk("Two. "), END)
    assert ("One. Two. ", 2) == (reading.page.text, reading.types.count("reset-step"))
    reading = Reading().read(chunk(run_id="r"), chunk("One. ")).recover(1).read(chunk("On"))
    reading.recover(1).read(chunk("One. "), *BATCH, chunk("Two. "), END)
    assert ("One. Two. ", 1) == (reading.page.text, len(reading.page.tools))


def test_nothing_to_take_back() -> None:
    """A recovery of which a page has seen nothing is not told."""
    reading = Reading().read(chunk(run_id="r")).recover(1).read(chunk("One. "), END)
    assert ("One. ", False) == (reading.page.text, "reset-step" in reading.types)
    final = Reading().read(chunk(run_id="r"), chunk(final="x")).recover(1).read(chunk("One."), END)
    assert ("One.", []) == (final.page.text, final.page.data("final"))


@settings(max_examples=60)
@given(st.none() | PAUSED, st.lists(PARTS, max_size=4), st.lists(PARTS, max_size=4), PARTS, LASTS)
def test_any_log(
    earlier: list[StreamingChunk] | None,
    stands: list[StreamingChunk],
    void: list[StreamingChunk],
    rest: StreamingChunk,
    last: StreamingChunk,
) -> None:
    """Whatever stands and whatever is void: a page shows what stands, or an error."""
    undisturbed = Reading(earlier).read(*stands, rest, last)
    reading = Reading(earlier).read(*stands, *void).recover(len(stands)).read(rest, last)
    if reading.page.error is not None and last.error is None:
        assert "reset-step" not in reading.types
        return
    if reading.follower.done and reading.page.metadata.get("finishReason") == "interrupted":
        return
    assert undisturbed.page.text == reading.page.text
    assert undisturbed.page.reasoning == reading.page.reasoning
    assert [part["type"] for part in seen(undisturbed.page)] == [
        part["type"] for part in seen(reading.page)
    ]


KNOW = ["7", "7.0.173", "8", "10", "9" * 5000]
DO_NOT = [None, "", "6", "6.0.1", "x", "-7", "7x"]


def test_version_of_the_sdk() -> None:
    """Pages from version 7 on know `reset-step`, if they say so."""
    assert all(map(_resets, KNOW))
    assert not any(map(_resets, DO_NOT))
