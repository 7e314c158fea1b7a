"""Every event of Agno has a handler, or a reason why readers get nothing."""

from agno.run.agent import RunEvent
from agno.run.team import TeamRunEvent
from agno.run.workflow import WorkflowRunEvent

from app.core.agents.events.reader import EventReader
from app.core.agents.events.table import TABLE

NAMES = {event.value for kind in (RunEvent, TeamRunEvent, WorkflowRunEvent) for event in kind}


def test_event_without_place_in_table() -> None:
    """The table names exactly the events that Agno has."""
    assert set() == NAMES - set(TABLE)
    assert set() == set(TABLE) - NAMES


def test_event_that_is_neither_handled_nor_explained() -> None:
    """A rule has handlers that exist, and a reason if one of them is missing."""
    for name, rule in TABLE.items():
        handlers = [handler for handler in (rule.own, rule.nested) if handler]
        assert all(callable(getattr(EventReader, handler)) for handler in handlers), name
        assert len(handlers) == 2 or rule.silence, name
