"""What a conversation shows of the runs that Agno stored."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from agno.models.message import Message
from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput

from ....models.chat import StoredMessage
from ..events.values import text_of
from ..messages import shown_text
from .sessions import AnyRun, AnySession

#: The key of a run's finish reason in Agno's metadata of the run.
FINISH_REASON = "finish_reason"


def messages_of(session: AnySession) -> list[StoredMessage]:
    """The messages of the user and the assistant, without system prompts and tool messages."""
    stored: list[StoredMessage] = []
    runs = [run for run in session.runs or [] if run.parent_run_id is None]
    for run, following in zip_longest(runs, runs[1:]):
        assert run is not None  # only `following` can be
        if run.status == RunStatus.paused and _question(run) == _question(following):
            continue  # the next run repeats this turn, with the results of the client's tools
        stored += _shown(run)
    return stored


def _shown(run: AnyRun) -> Iterator[StoredMessage]:
    """The question and the answer of a run, as their reader saw them.

    A hook or a parser may have changed the answer after the model wrote it, a team may have let a
    member answer, and a workflow has no messages: then the content of the run is the answer.
    """
    own = [m for m in _messages(run) if m.role in ("user", "assistant") and not m.from_history]
    written = "".join(m.get_content_string() for m in own if m.role == "assistant")
    whole = text_of(run.content)
    changed = bool(whole) and run.status == RunStatus.completed and written != whole
    if changed:
        own = [m for m in own if m.role == "user"]
    if not any(m.role == "user" for m in own):
        question = Message(role="user", content=_input(run), created_at=run.created_at)
        own.insert(0, question)
    pictures = bool(run.images)
    answered = False
    for message in own:
        if (text := shown_text(message, pictures=pictures)) is not None:
            answered = answered or message.role == "assistant"
            yield _stored(run, message.role, text, message.created_at)
    if changed or (pictures and not answered):
        yield _stored(run, "assistant", whole, run.created_at)


def _stored(run: AnyRun, role: str, text: str, created_at: int) -> StoredMessage:
    answer = role == "assistant"
    return StoredMessage(
        role=role,
        content=text,
        run_id=run.run_id or "",
        created_at=created_at,
        model=getattr(run, "model", None) if answer else None,
        finish_reason=(run.metadata or {}).get(FINISH_REASON) if answer else None,
    )


def _messages(run: AnyRun) -> list[Message]:
    return getattr(run, "messages", None) or []


def _input(run: AnyRun) -> str:
    """The question as it was given to Agno."""
    given: Any = run.input
    if not isinstance(run, WorkflowRunOutput):
        given = getattr(given, "input_content", None)
    return text_of(given) if given is not None else ""


def _question(run: AnyRun | None) -> str | None:
    if run is None:
        return None
    own = (m for m in _messages(run) if m.role == "user" and not m.from_history)
    return next((message.get_content_string() for message in own), None)


def first_question(session: AnySession) -> str | None:
    """The question of the first turn of a session; None if it has no turns."""
    runs = (run for run in session.runs or [] if run.parent_run_id is None)
    run = next(runs, None)
    return None if run is None else question_of(run)


def question_of(run: AnyRun) -> str:
    """The question of a run."""
    return _question(run) or _input(run)


def repaired(messages: list[Message], question: str, answer: str) -> list[Message]:
    """The messages of an incomplete run, with its question and its partial answer added.

    Tool calls without a result are removed, because providers reject a history that has them.
    """
    kept = [message for message in messages if not message.from_history]
    answered = {message.tool_call_id for message in kept if message.role == "tool"}
    for message in kept:
        calls = [call for call in message.tool_calls or [] if call.get("id") in answered]
        message.tool_calls = calls or None
    if not any(message.role == "user" for message in kept):
        kept.append(Message(role="user", content=question))
    if kept[-1].role == "assistant" and not kept[-1].tool_calls:
        kept.pop()
    before = "".join(m.get_content_string() for m in kept if m.role == "assistant")
    if rest := answer.removeprefix(before):
        kept.append(Message(role="assistant", content=rest))
    return kept
