"""What a conversation shows of the runs that Agno stored."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from agno.models.message import Message
from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput

from ....models.answer_parts import CitationsPart, MediaPart, ReasoningPart, ToolPart
from ....models.chat import Speaker, StoredMessage, StreamingChunk
from ..events.values import pieces, text_of
from ..messages import shown_text
from .sessions import AnyRun, AnySession
from .shown import FINISH_REASON as FINISH_REASON
from .shown import Shown, shown_in


def messages_of(session: AnySession) -> list[StoredMessage]:
    """The messages of the user and the assistant, without system prompts and tool messages."""
    stored: list[StoredMessage] = []
    runs = [run for run in session.runs or [] if run.parent_run_id is None]
    for run, following in zip_longest(runs, runs[1:]):
        assert run is not None  # only `following` can be
        repeated = _question(run) is not None and _question(run) == _question(following)
        if run.status == RunStatus.paused and repeated:
            continue  # the next run repeats this turn, with the results of the client's tools
        stored += _shown(run)
    return stored


def _shown(run: AnyRun) -> Iterator[StoredMessage]:
    """The question and the answer of a run, as their reader saw them.

    A hook or a parser may have changed the answer after the model wrote it, a team may have let a
    member answer, and a workflow has no messages: then the content of the run is the answer.
    """
    own = [m for m in _messages(run) if m.role in ("user", "assistant") and not m.from_history]
    if not any(m.role == "user" for m in own):
        question = Message(role="user", content=_input(run), created_at=run.created_at)
        own.insert(0, question)
    pictures = bool(run.images)
    texts = [
        (message, text)
        for message in own
        if (text := shown_text(message, pictures=pictures)) is not None
    ]
    written = "".join(text for message, text in texts if message.role == "assistant")
    whole = text_of(run.content) if run.status == RunStatus.completed else ""
    shown = shown_in(run.metadata)
    if shown.continued and shown.fits(written):
        whole = written  # Agno's content is what came after the pause
    in_one = bool(shown) or (bool(whole) and written != whole)
    answered = False
    for message, text in texts:
        if message.role == "user":
            yield _stored(run, "user", text, message.created_at)
        elif not in_one:
            answered = True
            yield _answer(run, text, message.created_at, shown)
    waits = run.status == RunStatus.paused and (run.metadata or {}).get(FINISH_REASON) == "paused"
    if in_one or ((pictures or waits) and not answered):
        yield _answer(run, whole or written, run.created_at, shown)


def _answer(run: AnyRun, text: str, created_at: int, shown: Shown) -> StoredMessage:
    message = _stored(run, "assistant", text, created_at)
    message.model = shown.model or getattr(run, "model", None)
    message.finish_reason = (run.metadata or {}).get(FINISH_REASON)
    message.speaker = _speaker(run)
    message.followups, message.error = shown.followups, shown.error
    message.truncated = shown.truncated
    message.parts = shown.parts_with(text)
    reasoning = []
    for part in message.parts:
        match part:
            case ReasoningPart():
                reasoning.append(part.reasoning)
            case ToolPart():
                message.tools.append(part.tool)
            case MediaPart():
                message.media += part.media
            case CitationsPart():
                message.citations += part.citations
    message.reasoning = "".join(reasoning) or None
    return message


def _stored(run: AnyRun, role: str, text: str, created_at: int) -> StoredMessage:
    return StoredMessage(role=role, content=text, run_id=run.run_id or "", created_at=created_at)


def _speaker(run: AnyRun) -> Speaker | None:
    """The agent, team or workflow of a run."""
    for kind in ("agent", "team", "workflow"):
        if found := getattr(run, f"{kind}_id", None):
            return Speaker(found, getattr(run, f"{kind}_name", None) or found, "agent")
    return None


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


def end_of(run: AnyRun, text: str, model: str) -> list[StreamingChunk] | None:
    """The last chunks of a run that is stored with its end; None if the run is stored otherwise.

    `text` is what its log has of the answer; if it is not all of it, the chunks have the whole.
    """
    reason = (run.metadata or {}).get(FINISH_REASON, "stop")
    if run.status != RunStatus.completed or reason in ("interrupted", "paused"):
        return None
    answers = [message for message in _shown(run) if message.role == "assistant"]
    content = "".join(message.content for message in answers)
    shown = shown_in(run.metadata)
    chunks = [
        StreamingChunk(content="", done=False, model=model, final=piece)
        for piece in pieces(content)
        if content != text
    ]
    last = StreamingChunk(
        content="",
        done=True,
        model=shown.model or model,
        finish_reason=reason,
        error=shown.error,
        followups=shown.followups,
    )
    return [*chunks, last]
