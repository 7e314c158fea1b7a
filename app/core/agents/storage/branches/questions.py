"""The question of a run that Agno stored."""

from typing import Any

from agno.models.message import Message
from agno.run.workflow import WorkflowRunOutput

from ...events.values import text_of
from ..sessions import AnyRun


def messages_in(run: AnyRun) -> list[Message]:
    """The messages of a run; a workflow has none."""
    return getattr(run, "messages", None) or []


def input_of(run: AnyRun) -> str:
    """The question as it was given to Agno."""
    given: Any = run.input
    if not isinstance(run, WorkflowRunOutput):
        given = getattr(given, "input_content", None)
    return text_of(given) if given is not None else ""


def own_question(run: AnyRun | None) -> str | None:
    """The first message of the user in a run; None if there is none."""
    if run is None:
        return None
    own = (m for m in messages_in(run) if m.role == "user" and not m.from_history)
    return next((message.get_content_string() for message in own), None)


def question_of(run: AnyRun) -> str:
    """The question of a run."""
    return own_question(run) or input_of(run)


def plain_question(run: AnyRun) -> str:
    """The question of a run without what Agno or a hook has added for the model."""
    given: Any = run.input
    if not isinstance(run, WorkflowRunOutput):
        given = getattr(given, "input_content", None)
    return given if isinstance(given, str) and given else question_of(run)
