"""How a question that came through any door becomes a run."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from app.api.context import Context
from app.core.errors import AlreadyAsked, BadRequest, KeyReused, UnknownRun
from app.core.journals import RunRecord
from app.core.question import Question
from app.core.run import Policy
from app.core.runs import new_id

#: What may stand in `Idempotency-Key`: visible ASCII, and not more than a header should hold.
VALID = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Once:
    """A question that may be sent again, and is to be answered once.

    Its key is the client's, and belongs to the principal; the run's id is made of both, so that
    every process knows the run again. `fingerprint` is that of the whole request.
    """

    run_id: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, principal: str, request: str) -> Self:
        """Raises `BadRequest` for what is no key."""
        if not VALID.fullmatch(key):
            raise BadRequest("Idempotency-Key: must be 1 to 255 visible ASCII characters")
        return cls(_digest(f"{principal}\n{key}"), _digest(request))


async def ask(
    server: Context,
    principal: str,
    question: Question,
    policy: Policy,
    *,
    conversation_id: str | None = None,
    once: Once | None = None,
) -> tuple[RunRecord, bool]:
    """Start a run, or find the one that this question has started `once`; and whether it was found.

    Raises what `Runs.start` raises, and `KeyReused` for another question with the same key.
    """
    if once is not None:
        try:
            return await _found(server, principal, once), True
        except UnknownRun:
            pass
    run_id, conversation_id = once.run_id if once else new_id(), conversation_id or new_id()
    turn = server.service.prepare(
        question, run_id=run_id, conversation_id=conversation_id, principal=principal
    )
    try:
        run = await server.runs.start(
            turn,
            policy,
            run_id=run_id,
            conversation_id=conversation_id,
            principal=principal,
            fingerprint=once.fingerprint if once else "",
        )
    except AlreadyAsked:  # at the same time, here or elsewhere
        if once is None:
            raise
        return await _found(server, principal, once), True
    return run.record, False


async def _found(server: Context, principal: str, once: Once) -> RunRecord:
    record = await server.runs.record(once.run_id, principal)
    if record.fingerprint != once.fingerprint:
        raise KeyReused("Idempotency-Key: was sent with another request before")
    return record


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
