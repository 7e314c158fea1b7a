"""The native door's second answers: a turn is answered again, or its question is edited.

See docs/decisions/067-branches-are-marks-on-agnos-runs.md.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Self

from fastapi import APIRouter, Header, Request, Response
from pydantic import Field, model_validator

from ....core.errors import (
    BadRequest,
    ConversationBusy,
    InvalidField,
    UnknownConversation,
    UnknownRun,
    UnknownTurn,
)
from ... import route_docs
from ...context import Context, Principal, Server
from ...ignored import ignored_fields
from ...names import agent_in_model
from ...requests import ConversationId, Text, User, read_object, validate
from .answering import TurnRequest, answer
from .following import SSE
from .instructions import check_system
from .requests import HowToAnswer, WithMedia

if TYPE_CHECKING:  # for types only, so that the door does not import Agno
    from ....core.agents.storage.branches.turns import StoredTurn
    from ....core.log.journal import RunRecord
    from ....core.question import Question

router = APIRouter(tags=["chat"])

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key")]


class RegenerateRequest(HowToAnswer):
    """How to answer a turn again. The agent is that of the turn, if none is named."""

    conversation_id: ConversationId | None = Field(
        None, description="The conversation of the turn, if its run may be no longer kept."
    )
    user: User | None = Field(None, description="The end user, if the conversation has one.")


class EditRequest(RegenerateRequest, WithMedia):
    """Another question in the place of a turn's. It has the media of the old question, unless the
    request has a field for media, which may be empty."""

    message: Text = Field(description="The edited question.")

    @property
    def keeps_media(self) -> bool:
        return not self.model_fields_set & WithMedia.model_fields.keys()

    @model_validator(mode="after")
    def _has_question(self) -> Self:
        if not self.message.strip() and not self.has_media:
            raise ValueError("message is empty; send a text, an image or a file")
        return self


@router.post(
    "/api/v1/runs/{run_id}/regenerate", summary="Answer a turn again", **route_docs.REGENERATE
)
async def regenerate(
    request: Request,
    run_id: str,
    server: Server,
    principal: Principal,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Answer the question of a turn once more, in the place of that turn.

    The turn and those after it stay stored, on another branch of the conversation.
    """
    return await _replace(RegenerateRequest, request, server, principal, run_id, idempotency_key)


@router.post("/api/v1/runs/{run_id}/edit", summary="Edit a question", **route_docs.EDIT)
async def edit(
    request: Request,
    run_id: str,
    server: Server,
    principal: Principal,
    idempotency_key: KeyHeader = None,
) -> Response:
    """Send another question in the place of a turn's.

    The turn and those after it stay stored, on another branch of the conversation.
    """
    return await _replace(EditRequest, request, server, principal, run_id, idempotency_key)


async def _replace(
    model: type[RegenerateRequest],
    request: Request,
    server: Context,
    principal: str,
    run_id: str,
    key: str | None,
) -> Response:
    try:
        fields = await read_object(request, server.body)
        body = validate(model, fields)
    except BadRequest:
        await _turn(server, principal, run_id, RegenerateRequest())  # unknown comes first
        raise
    turn = await _turn(server, principal, run_id, body)
    question = await _question(server, principal, turn, body)
    if server.agents.find(question.agent).kind == "external":
        raise InvalidField(f"agent: {question.agent!r} keeps its own history and cannot go back.")
    uploads = [image.path for image in question.images if image.path is not None]
    uploads += [item.path for item in question.attachments if item.path is not None]
    again = TurnRequest(
        question,
        turn.conversation_id,
        request=f"{model.__name__}\n{run_id}\n{body.model_dump_json(exclude_defaults=True)}",
        uploads=uploads,
        replaces=turn.run_id,
    )
    headers = ignored_fields(model, fields)
    try:
        return await answer(request, server, principal, body, again, SSE, key, headers)
    except BaseException:
        await server.media.drop_uploads(uploads)
        raise


async def _turn(
    server: Context, principal: str, run_id: str, body: RegenerateRequest
) -> StoredTurn:
    """The turn of a run; raises what `Branches.turn` raises, and `ConversationBusy` if the run has
    not ended."""
    record: RunRecord | None = None
    with suppress(UnknownRun):  # runs are kept for a shorter time than conversations
        record = await server.runs.record(run_id, principal)
    try:
        turn = await server.branches.turn(
            run_id,
            principal,
            record=record,
            conversation_id=body.conversation_id,
            user=body.user,
        )
    except (UnknownConversation, UnknownTurn):
        active = await server.runs.list_active(principal)
        if any(live.turn_id == run_id for live, _ in active):
            raise ConversationBusy(
                f"Run {run_id} has not ended; cancel it, or wait for it.", run_id=run_id
            ) from None
        raise
    if record is not None and record.question:
        turn = dataclasses.replace(turn, question=record.question)
    return turn


async def _question(
    server: Context, principal: str, turn: StoredTurn, body: RegenerateRequest
) -> Question:
    """The question of the turn, or the edited one, with its media."""
    edited = body if isinstance(body, EditRequest) else None
    question = body.ask(turn.question if edited is None else edited.message, user=turn.user)
    question = agent_in_model(server, question)
    question = dataclasses.replace(question, agent=question.agent or turn.agent)
    check_system(server, question)
    if edited is None or edited.keeps_media:
        media = await server.branches.media(turn, principal)
        return dataclasses.replace(question, images=media.images, attachments=media.attachments)
    return dataclasses.replace(question, images=edited.pictures(), attachments=edited.attachments())
