"""The turn in whose place an answer is made anew (`regenerate()`)."""

from dataclasses import dataclass

from ....core.errors import UnknownConversation, UnknownTurn
from ....core.question import PastMessage
from ...context import Context
from .requests import ChatRequest


@dataclass(frozen=True, slots=True)
class ReplacedTurn:
    """A stored turn, with its question and the media of that."""

    run_id: str
    question: PastMessage


async def replaced_turn(server: Context, principal: str, body: ChatRequest) -> ReplacedTurn | None:
    """The turn that a request answers again: the one that its `messageId` names, else the last one.

    None if it is not stored, or if what answers cannot go back.
    """
    conversation_id, user = body.conversation_id, body.user
    try:
        run_id = body.message_run
        if run_id is None:
            found = await server.conversations.get(conversation_id, principal, user)
            run_id = found.messages[-1].run_id if found.messages else ""
        turn = await server.branches.turn(
            run_id, principal, conversation_id=conversation_id, user=user
        )
    except (UnknownConversation, UnknownTurn):
        return None
    entry = server.agents.entries.get(turn.agent or "")
    if entry is None or entry.kind == "external":
        return None
    media = await server.branches.media(turn, principal)
    question = PastMessage(
        "user",
        turn.question,
        images=tuple(media.images),
        attachments=tuple(media.attachments),
    )
    return ReplacedTurn(turn.run_id, question)
