"""Starts a run for a request, or finds the run that the same request has started before.

See docs/decisions/004-an-idempotency-key-makes-the-run-id.md.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from fastapi import Request

from ..core.errors import AlreadyAsked, BadRequest, JournalUnavailable, KeyReused, UnknownRun
from ..core.log.follower import Follower
from ..core.log.journal import RunRecord
from ..core.question import Question
from ..core.runs.clock import Policy
from ..core.runs.identity import Identity, new_id
from ..core.runs.turn import Plan
from .context import Context
from .media_links import MediaLinks
from .names import Target
from .requests import read_conversation_id

#: The form of an `Idempotency-Key`: visible ASCII, of a length that a header can hold.
VALID = re.compile(r"[!-~]{1,255}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The identity of a request that a client may send repeatedly but that must start only one run.

    `run_id` is derived from the principal and the client's `Idempotency-Key`, so that every process
    finds the run by its id. `fingerprint` is a hash of the whole request, by which another request
    with the same key is detected.
    """

    run_id: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, principal: str, request: str) -> Self:
        """Make the identity from the client's key and the request; raises `BadRequest` if the key
        is malformed."""
        if not VALID.fullmatch(key):
            raise BadRequest("Idempotency-Key: must be 1 to 255 visible ASCII characters")
        return cls(_digest(f"{principal}\n{key}"), _digest(request))


async def start_or_replay(
    server: Context,
    principal: str,
    question: Question,
    policy: Policy,
    *,
    conversation_id: str | None = None,
    key: IdempotencyKey | None = None,
    request: str | None = None,
    replaces: str | None = None,
) -> tuple[Follower, bool]:
    """Start a run and return a follower at the beginning of its log.

    `request` is what the door will need of the request to show it again, `replaces` the turn in
    whose place the new one stands; see `RunRecord`.

    The second value is True if no run was started, because an earlier request with the same
    idempotency key had started it. Raises what `Runs.start` raises, and `KeyReused` if the earlier
    request was another one.
    """

    async def start(identity: Identity) -> Follower:
        return await server.runs.start(server.service.plan(question, principal), policy, identity)

    async def replay(record: RunRecord) -> Follower:
        return await server.runs.follow(record.run_id, 0, principal=principal)

    identity = _identity(principal, conversation_id, key, question.user, request, replaces)
    return await _once(server, identity, key, start, replay)


class HistoryRequest(Protocol):
    """The body of a request whose client keeps the history of the conversation."""

    def question(self, target: Target, *, kept: bool) -> Question:
        """Return the request as a `Question`; if `kept`, the server stores question and answer."""


async def start_with_history(
    request: Request,
    server: Context,
    principal: str,
    body: HistoryRequest,
    target: Target,
    conversation_id: str | None,
) -> tuple[Follower, MediaLinks]:
    """Start the run of a request that repeats its history; it stops when its client disconnects.

    The server stores question and answer only if the request names a conversation. Returns a
    follower at the beginning of the run's log, and the links to the run's media. Raises what
    `Runs.start` raises, and `BadRequest` for a malformed conversation id.
    """
    kept = read_conversation_id(conversation_id)
    follower, _ = await start_or_replay(
        server,
        principal,
        body.question(target, kept=kept is not None),
        Policy(server.timeouts, on_disconnect="cancel"),
        conversation_id=kept,
    )
    return follower, MediaLinks(request, server.tickets, server.media, follower.record)


async def start_continuation(
    server: Context,
    plan: Callable[[], Plan],
    policy: Policy,
    identity: Identity,
    key: IdempotencyKey | None,
) -> tuple[Follower, bool]:
    """Start the run that continues a paused one, and return a follower at its beginning.

    The second value is True as in `start_or_replay`. Raises `AlreadyAsked` or `UnknownRun` if
    another run continues the paused one, and what `plan` and `Runs.start` raise.
    """

    async def start(identity: Identity) -> Follower:
        return await server.runs.start(plan(), policy, identity)

    async def replay(record: RunRecord) -> Follower:
        return await server.runs.follow(record.run_id, 0, principal=record.principal)

    return await _once(server, identity, key, start, replay)


async def start_in_background(
    server: Context,
    principal: str,
    question: Question,
    policy: Policy,
    *,
    conversation_id: str | None = None,
    key: IdempotencyKey | None = None,
    request: str | None = None,
    replaces: str | None = None,
) -> tuple[RunRecord, bool]:
    """Start a run that nobody follows yet, and return its record.

    The second value is True if no run was started, because an earlier request with the same
    idempotency key had started it. Raises what `start_or_replay` raises.
    """

    async def start(identity: Identity) -> RunRecord:
        return (
            await server.runs.begin(server.service.plan(question, principal), policy, identity)
        ).record

    async def replay(record: RunRecord) -> RunRecord:
        return record

    identity = _identity(principal, conversation_id, key, question.user, request, replaces)
    return await _once(server, identity, key, start, replay)


async def _once(
    server: Context,
    identity: Identity,
    key: IdempotencyKey | None,
    start: Callable[[Identity], Awaitable[T]],
    replay: Callable[[RunRecord], Awaitable[T]],
) -> tuple[T, bool]:
    if key is None:
        return await start(identity), False
    # While the journal is away, this process knows its own runs: better an answer than none.
    if server.runs.trouble is None:
        try:
            return await replay(await _find(server, identity)), True
        except (UnknownRun, JournalUnavailable):
            pass
    try:
        return await start(identity), False
    except AlreadyAsked:  # the same request arrived at the same time, here or elsewhere
        return await replay(await _find(server, identity)), True


async def _find(server: Context, identity: Identity) -> RunRecord:
    record = await server.runs.record(identity.run_id, identity.principal)
    if record.fingerprint != identity.fingerprint:
        raise KeyReused(
            "Idempotency-Key: was used with another request before. Send a new key with each new "
            "request."
        )
    return record


def _identity(
    principal: str,
    conversation_id: str | None,
    key: IdempotencyKey | None,
    user: str | None = None,
    request: str | None = None,
    replaces: str | None = None,
) -> Identity:
    return Identity(
        run_id=key.run_id if key else new_id(),
        conversation_id=conversation_id or new_id(),
        principal=principal,
        fingerprint=key.fingerprint if key else "",
        user=user,
        request=request,
        replaces=replaces,
        first=conversation_id is None,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
