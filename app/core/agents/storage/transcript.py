"""What a conversation shows of the runs that Agno stored."""

from itertools import pairwise

from agno.models.message import Message
from agno.run.base import RunStatus

from ....models.answer_parts import CitationsPart, MediaPart, ReasoningPart, ToolPart
from ....models.chat import Speaker, StoredMessage, StreamingChunk
from ..events.values import pieces, text_of, usage_of
from ..messages import shown_text
from .branches.questions import input_of, messages_in, question_of
from .branches.tree import Tree
from .sessions import AnyRun, AnySession
from .shown import FINISH_REASON as FINISH_REASON
from .shown import Shown, shown_in

#: The status of turns that are complete; the second is that of turns on other branches.
ENDED = (RunStatus.completed, RunStatus.regenerated)


def messages_of(session: AnySession, upto: str = "") -> list[StoredMessage]:
    """The messages of the user and the assistant, without system prompts and tool messages.

    They are those of the branch that is shown, or of the turns `upto` one, if that is there.
    """
    tree = Tree.of(session)
    stored: list[StoredMessage] = []
    for run_id in tree.path_to(upto) if upto in tree else tree.path():
        found = _shown(tree.runs[run_id])
        if len(siblings := tree.siblings(run_id)) > 1:
            for message in found:
                message.siblings = list(siblings)
        stored += found
    return stored


def _shown(run: AnyRun) -> list[StoredMessage]:
    """The question and the answer of a run, as their reader saw them.

    A hook or a parser may have changed the answer after the model wrote it, a team may have let a
    member answer, and a workflow has no messages: then the content of the run is the answer.
    """
    own = [
        message
        for before, message in pairwise([None, *messages_in(run)])
        if message is not None
        and message.role in ("user", "assistant")
        and not message.from_history
        and not _is_from_tool(before, message)
    ]
    if not any(m.role == "user" for m in own):
        question = Message(role="user", content=input_of(run), created_at=run.created_at)
        own.insert(0, question)
    pictures = bool(run.images)
    texts = [
        (message, text)
        for message in own
        if (text := shown_text(message, pictures=pictures)) is not None
    ]
    written = "".join(text for message, text in texts if message.role == "assistant")
    whole = text_of(run.content) if run.status in ENDED else ""
    shown = shown_in(run.metadata)
    if shown.continued and shown.fits(written):
        whole = written  # Agno's content is what came after the pause
    in_one = bool(shown) or (bool(whole) and written != whole)
    found: list[StoredMessage] = []
    answers: list[StoredMessage] = []
    for message, text in texts:
        if message.role == "user":
            found.append(_stored(run, "user", text, message.created_at))
        elif not in_one:
            answers.append(_answer(run, text, message.created_at, shown))
            found.append(answers[-1])
    waits = run.status == RunStatus.paused and (run.metadata or {}).get(FINISH_REASON) == "paused"
    if in_one or ((pictures or waits) and not answers):
        answers.append(_answer(run, whole or written, run.created_at, shown))
        found.append(answers[-1])
    if answers:
        answers[-1].usage = shown.usage or usage_of(run.metrics)
        took = shown.duration or getattr(run.metrics, "duration", None)
        answers[-1].duration = took and round(took, 3)
    return found


def _is_from_tool(before: Message | None, message: Message) -> bool:
    """Whether a message of the user is Agno's, which shows a model the media of a tool so."""
    return message.role == "user" and before is not None and before.role == "tool"


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


def first_question(session: AnySession) -> str | None:
    """The question of the first turn of a session; None if it has no turns."""
    runs = (run for run in session.runs or [] if run.parent_run_id is None)
    run = next(runs, None)
    return None if run is None else question_of(run)


def written_in(run: AnyRun) -> str:
    """The text that the model has written in a run; empty for a workflow, which has no messages."""
    own = [message for message in getattr(run, "messages", None) or [] if not message.from_history]
    return "".join(m.get_content_string() for m in own if m.role == "assistant")


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
        usage=answers[-1].usage if answers else None,
    )
    return [*chunks, last]
