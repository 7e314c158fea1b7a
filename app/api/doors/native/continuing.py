"""The native door's continuation of a paused run: decisions in, the next run out."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Header, Request, Response
from pydantic import Field

from ....core.errors import AlreadyAsked, UnknownRun
from ....core.pauses import check
from ....core.runs.clock import Policy
from ....core.runs.identity import new_id
from ....core.runs.pauses.inbox import continuing
from ....core.runs.turn import Plan
from ....models.chat import Decision
from ... import route_docs
from ...body_model import BodyModel
from ...context import Principal, Server
from ...ignored import ignored_fields
from ...requests import JsonObject, JsonValue, Text, read_object, validate
from ...starting import IdempotencyKey, start_continuation
from .answer import NativeAnswer, accepted
from .encoder import negotiate
from .following import JSON, SSE, stream
from .requests import ChatTimeouts

router = APIRouter(tags=["runs"])


class DecisionItem(BodyModel):
    """The decision on one requirement, by its id."""

    id: Text = Field(description="The id of the requirement.")
    confirmed: bool | None = Field(None, description="Yes or no; no refuses whatever waits.")
    note: Text | None = Field(None, description="The reason of a refusal, for the model.")
    values: JsonObject | None = Field(None, description="The values of `fields`, by name.")
    answers: dict[Text, Text | list[Text]] | None = Field(
        None, description="The labels of the chosen options, by question."
    )
    result: JsonValue = Field(
        None, description="The result of a tool that ran elsewhere, or the edited output."
    )

    def decision(self) -> Decision:
        answers = self.answers or {}
        result: Any = self.result
        if result is not None and not isinstance(result, str):
            result = msgspec.json.encode(result).decode()
        return Decision(
            id=self.id,
            confirmed=self.confirmed,
            note=self.note,
            values=self.values,
            answers={
                question: [chosen] if isinstance(chosen, str) else chosen
                for question, chosen in answers.items()
            }
            or None,
            result=result,
        )


class ContinueRequest(BodyModel):
    """The decisions on everything that a paused run waits for, and how to answer."""

    decisions: list[DecisionItem] = Field(max_length=1000)
    stream: bool = Field(True, description="Whether to stream the answer or return one object.")
    timeouts: ChatTimeouts = ChatTimeouts()
    on_disconnect: Literal["cancel", "continue", "grace"] | None = Field(
        None, description="What happens to the run when its last reader leaves."
    )
    on_busy: Literal["queue", "reject", "interrupt"] = Field(
        "queue", description="What to do if the conversation has an active run."
    )
    background: bool = Field(
        False, description="Return 202 with the address of the stream as soon as the run starts."
    )


@router.post(
    "/api/v1/runs/{run_id}/continue", summary="Continue a paused run", **route_docs.CONTINUE
)
async def continue_run(
    request: Request,
    run_id: str,
    server: Server,
    principal: Principal,
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> Response:
    """Decide on all that a paused run waits for, and start the run that continues it.

    The owner of the run may do so, and the principals in APPROVERS. Only one run continues a paused
    one: a second request gets the same run if it has the same `Idempotency-Key`, else 409.
    """
    waiting = await server.inbox.find(run_id, principal)  # first, so that others learn nothing
    fields = await read_object(request, server.body)
    body = validate(ContinueRequest, fields)
    key = None
    if idempotency_key is not None:
        fingerprint = f"{run_id}\n{body.model_dump_json()}"
        key = IdempotencyKey.of(idempotency_key, principal, fingerprint)
    media_type = negotiate(request.headers.get("accept"), SSE) if body.stream else JSON
    decisions = [item.decision() for item in body.decisions]
    check(waiting.requirements, decisions)
    record = waiting.record
    identity = continuing(record, key.run_id if key else new_id(), key.fingerprint if key else "")
    policy = Policy(
        timeouts=body.timeouts.within(server.timeouts),
        on_disconnect=body.on_disconnect or "continue",  # what was decided shall happen
        on_busy=body.on_busy,
        grace=server.grace,
    )

    def plan() -> Plan:
        return server.service.continuation(record, decisions, principal)

    try:
        follower, replayed = await start_continuation(server, plan, policy, identity, key)
    except (AlreadyAsked, UnknownRun):
        raise await server.inbox.taken(run_id) from None
    headers = {
        **ignored_fields(ContinueRequest, fields),
        **({"Idempotent-Replayed": "true"} if replayed else {}),
    }
    if body.background:
        follower.close()
        return accepted(server, follower.record, headers)
    if body.stream:
        return stream(server, follower, media_type, headers=headers)
    return NativeAnswer(follower, headers)
