"""The meter: exact, however its entries are cut into groups."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.core.log.journal import Entry
from app.core.log.meter import BOUNDS, Meter
from app.core.log.run_log import RunLog
from app.models.chat import StreamingChunk, ToolCall
from tests.core.parts import ending, record, text_chunk

TOOL = StreamingChunk(content="", done=False, model="m", tool=ToolCall("1", "t", "started"))
THOUGHT = StreamingChunk(content="", done=False, model="m", reasoning="hm")
CHUNKS = st.sampled_from([text_chunk("a"), text_chunk(""), TOOL, THOUGHT])
PAUSES = st.sampled_from([0.0, *BOUNDS, 99.0]) | st.floats(0, 20)
ENTRIES = st.lists(st.tuples(PAUSES, CHUNKS), max_size=30)


def at_their_times(steps: list[tuple[float, StreamingChunk]]) -> list[Entry]:
    now, entries = 0.0, []
    for pause, chunk in steps:
        now += pause
        entries.append((now, chunk))
    return entries


@given(steps=ENTRIES, cuts=st.sets(st.integers(0, 30)))
def test_each_delay_is_counted_once(
    steps: list[tuple[float, StreamingChunk]], cuts: set[int]
) -> None:
    """Every delay between two pieces of text or reasoning is in the bucket where one by one it
    would be, and nothing else is."""
    entries = at_their_times(steps)
    meter = Meter()
    for start, end in pairwise(sorted({0, len(entries), *(c for c in cuts if c < len(entries))})):
        meter.read(entries[start:end])
    times = [when for when, chunk in entries if chunk.content or chunk.reasoning]
    delays = [later - sooner for sooner, later in pairwise(times)]
    expected = [0] * (len(BOUNDS) + 1)
    for delay in delays:
        expected[sum(delay > bound for bound in BOUNDS)] += 1
    assert expected == meter.delays
    assert (len(times), times[0] if times else None) == (meter.tokens, meter.first)
    assert abs(meter.total - sum(delays)) < 1e-6


def test_trimmed_entries_are_metered_first() -> None:
    """A log that is beheaded, again and again, has metered all that it ever had."""
    log = RunLog(record(), lambda log: None)
    for number in range(1000):
        log.append(text_chunk("word"))
        log.flushed = log.last
        if number % 7 == 0:
            log.trim_head(1000)
    log.append(ending("end"))
    log.measure()
    assert 1001 == log.meter.tokens
    assert 1000 == sum(log.meter.delays)


def test_the_text_is_whole_however_it_is_read() -> None:
    """The text of a log is that of all its entries, of those that were dropped from it, too; what
    stands of another process's text comes before it."""
    log = RunLog(record("r1"), lambda log: None)
    log.append(text_chunk("void"))
    log.measure()
    log.meter.begin("stands, ")
    for number in range(1000):
        log.append(text_chunk(f"{number} "))
        if number % 97 == 0:
            log.trim_head(1000, lossy=True)
    log.measure()
    assert "stands, " + "".join(f"{number} " for number in range(1000)) == log.meter.take_text()
    assert "" == log.meter.text
