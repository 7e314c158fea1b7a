"""The delay of events on their way."""

from agno_stream.doctor.timeline import Timeline, held_back


def test_held_back_seconds() -> None:
    """An event is late by the time since the server had it; one or two late ones of many do not
    count."""
    timeline = Timeline()
    timeline.events = [(10.0, 1), (10.1, 2), (12.0, 3)]
    timeline.ended = 15.0
    assert 0 == held_back(timeline, [])
    assert 0 >= held_back(timeline, [(10.05, 1), (10.2, 2)])
    assert 1.5 == held_back(timeline, [(10.2, 2), (10.5, 3), (12.5, 3)])
    assert 4.0 == held_back(timeline, [(11.0, 4)])
    assert 0.5 == held_back(timeline, [(10.5, 3), (10.6, 3), (11.5, 3), *[(12.0, 3)] * 3])
