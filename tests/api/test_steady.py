"""What a recovery makes void does not reach readers whose protocols cannot take it back."""

import re
from collections.abc import Sequence

import msgspec
import pytest

from app.api.doors.agui.cursor import Cursor
from app.api.doors.agui.encoder import AguiEncoder
from app.api.doors.agui.request import Request as AguiRequest
from app.api.doors.responses.encoder import ResponsesEncoder
from app.api.doors.responses.resource import Request as ResponsesRequest
from app.api.encoding import Encoder
from app.api.steady import STEP, Steady, numbered
from app.core.log.follower import Follower
from app.core.log.journal import Entry
from app.core.log.journals.memory import MemoryJournal
from app.core.log.reading import WholeLog
from app.core.log.sources import JournalSource
from app.core.runs.identity import opening
from app.models.chat import Recovered, StreamingChunk
from app.models.numbers import STRIDE, Recovery, entry_number, event_number, standing
from tests.core.parts import ending, record, text_chunk


def recovery(after: int, attempt: int = 1) -> StreamingChunk:
    return StreamingChunk("", False, "m", recovered=Recovered(after, 0, attempt))


def entries(*chunks: StreamingChunk) -> list[Entry]:
    return [(0.0, chunk) for chunk in chunks]


#: Entries 3 and 4 are void; entry 5 is the recovery.
LOG = entries(
    *(text_chunk(word) for word in ("", "two ", "three ", "four ")),
    recovery(2),
    text_chunk("six "),
    ending("seven"),
)
KNOWN = (Recovery(5, 2),)


def texts(found: Sequence[Entry]) -> list[str]:
    return [chunk.content for _, chunk in found]


@pytest.mark.parametrize(
    ("known", "batches", "text", "ending"),
    [
        (KNOWN, [LOG], "two six seven", "stop"),
        (KNOWN, [LOG[:3], LOG[3:6], LOG[6:]], "two six seven", "stop"),
        ((), [LOG[:2], [], LOG[2:]], "two six seven", "stop"),
        ((), [LOG[:3], LOG[3:]], "two three ", "interrupted"),
        ((), [LOG[:2], LOG[4:5]], "two ", None),
    ],
    ids=["late", "late, slowly", "all at once", "in the middle", "nothing void was sent"],
)
def test_reader_that_cannot_take_back(
    known: Sequence[Recovery], batches: list[list[Entry]], text: str, ending: str | None
) -> None:
    """A reader that comes later never sees the void part; one that has seen some of it gets the end
    of an interrupted run, and nothing after that; one that has seen none reads on."""
    source = JournalSource(record(), MemoryJournal(), None, saw_end=False)
    source.recoveries = list(known)
    follower = Follower(record(), source, 0)
    steady = Steady(follower)
    seen: list[tuple[int, StreamingChunk]] = []
    number = 0
    for batch in batches:
        first = LOG.index(batch[0]) if batch else number
        for before, piece in steady.pieces(first, batch) if batch else ():
            assert piece
            seen += [(n, chunk) for n, (_, chunk) in enumerate(piece, start=before + 1)]
        number = first + len(batch)
    assert text == "".join(chunk.content for _, chunk in seen)
    assert all(chunk.recovered is None for _, chunk in seen)
    numbers = [number for number, _ in seen]
    assert sorted(numbers) == numbers
    assert ending == seen[-1][1].finish_reason
    assert (ending == "interrupted") == follower.done


def test_what_stands() -> None:
    """Entries without void ones are those up to the last event that stands, and those after the
    recovery; also if a later recovery goes back behind an earlier one."""
    assert ["", "two ", "", "six ", "seven"] == texts(standing(LOG, len(LOG)))
    twice = [*LOG[:6], (0.0, recovery(1, 2)), *entries(ending("end"))]
    assert ["", "", "end"] == texts(standing(twice, len(twice)))
    tail = LOG[2:]  # the head of the log is no longer kept
    assert ["", "six ", "seven"] == texts(standing(tail, len(LOG)))


def test_numbers_of_events() -> None:
    """No event after a recovery has a number that one before it may have had, and the number of an
    event leads to the entry after which its reader reads on."""
    known = (Recovery(5, 2), Recovery(9, 7))
    events = [event_number(n, known) for n in range(1, 12)]
    assert sorted(set(events)) == events
    assert list(range(1, 12)) == [entry_number(event, known) for event in events]
    for ahead in (5, 8, 100):  # of a process that had sent more than it had written
        assert 4 == entry_number(ahead, known)
        assert 8 == entry_number(STRIDE + ahead + 4, known)
        assert ahead == entry_number(ahead, ())
    assert entry_number(3 * STRIDE, known) is None


def test_numbered_log_is_what_a_late_reader_gets() -> None:
    """A whole log has the entries that a reader who comes late is sent, with the same numbers."""
    run = msgspec.structs.replace(record(), recoveries=KNOWN)
    log = WholeLog(standing(LOG, len(LOG)), len(LOG), truncated=False)
    expected = [(1, ""), (2, "two "), (6, "six "), (7, "seven")]
    assert expected == [(n, chunk.content) for n, chunk in numbered(run, log)]
    tail = LOG[2:]
    cut = WholeLog(standing(tail, len(LOG)), len(LOG), truncated=True)
    assert expected[2:] == [(n, chunk.content) for n, chunk in numbered(run, cut)]
    plain = WholeLog(LOG[:4], 4, truncated=False)
    assert [1, 2, 3, 4] == [n for n, _ in numbered(record(), plain)]


@pytest.mark.parametrize("door", ["responses", "agui"])
def test_numbers_of_a_door_after_a_recovery(door: str) -> None:
    """A protocol with numbers of its own: who has events that are void gets the end of an
    interrupted run; any other goes on, each event with one number."""

    def events(after: int) -> list[tuple[int, str]]:
        """Numbers and types of the events that a reader gets who has those up to `after`."""
        run = msgspec.structs.replace(record(question="?"), recoveries=KNOWN)
        encoder: Encoder
        if door == "agui":
            encoder = AguiEncoder(
                run, AguiRequest(thread_id="c1", run_id="r1"), cursor=Cursor(after)
            )
        else:
            encoder = ResponsesEncoder(run, ResponsesRequest(), after=after)
        opened = [(0.0, opening(run)), *LOG[1:]]
        log = WholeLog(standing(opened, len(LOG)), len(LOG), truncated=False)
        written = b"".join(encoder.encode(n, chunk) for n, chunk in numbered(run, log)).decode()
        found = re.findall(r'(?m)^id: r1:0?(\d+)|"sequence_number":(\d+)', written)
        ids = [int(one or other) for one, other in found]
        types = re.findall(r'(?m)^data: .*?"type":"([\w.]+)"', written)
        return list(zip(ids, types, strict=True))

    whole = events(-1 if door == "responses" else 0)
    numbers = [number for number, _ in whole]
    assert sorted(set(numbers)) == numbers
    before = [number for number in numbers if number < STEP]
    for seen in numbers[:-1]:
        assert [event for event in whole if event[0] > seen] == events(seen)
    failed = "response.failed" if door == "responses" else "RUN_ERROR"
    for void in (before[-1] + 1, before[-1] + 5):
        assert [failed] == [kind for _, kind in events(void)][-1:]
        assert all(number < STEP for number, _ in events(void))
