"""A call of a tool as a run: started, followed to its end, continued, or left as a task."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from ....core.errors import AlreadyAsked, KeyReused, UnknownRun
from ....core.log.follower import Follower
from ....core.log.journal import Entry, RunRecord
from ....core.pauses import check
from ....core.run_failures import server_stopped
from ....core.runs.clock import OnDisconnect, Policy
from ....core.runs.pauses.inbox import Waiting, continuing
from ....core.runs.turn import Plan
from ....models.chat import Decision, StreamingChunk
from ....models.numbers import standing
from ...context import Context
from ...media_links import MediaLinks
from ...starting import (
    IdempotencyKey,
    start_continuation,
    start_in_background,
    start_or_replay,
)
from .results import CallResult, result_of
from .tools import Arguments

#: Reports that a call goes on: a number that grows, and what is new, for people.
Report = Callable[[float, str | None], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a principal, by a request to a server. `session` is an id that a client of an
    older protocol repeats in each request, so that it can cancel a call by its number."""

    server: Context
    principal: str
    request: Request
    session: str | None

    def key(self, request_id: str | int | None, params: Any) -> IdempotencyKey | None:
        """The identity of a call, by its number in the session; None if there is no session."""
        if self.session is None or request_id is None:
            return None
        number = json.dumps([self.session, request_id])  # 1 and "1" are two numbers
        name = f"mcp-{hashlib.sha256(number.encode()).hexdigest()}"
        return IdempotencyKey.of(name, self.principal, json.dumps(params, sort_keys=True))

    def links(self, record: RunRecord) -> MediaLinks:
        return MediaLinks(self.request, self.server.tickets, self.server.media, record)

    def policy(self, on_disconnect: OnDisconnect) -> Policy:
        server = self.server
        return Policy(server.timeouts, on_disconnect=on_disconnect, grace=server.grace)


async def start(
    caller: Caller, agent: str, arguments: Arguments, key: IdempotencyKey | None
) -> Follower:
    """Start the run of a call, which is cancelled if the caller leaves; raises what
    `start_or_replay` and `Arguments.question` raise."""
    follower, _ = await start_or_replay(
        caller.server,
        caller.principal,
        arguments.question(agent),
        caller.policy("cancel"),
        conversation_id=arguments.conversation_id,
        key=key,
    )
    return follower


async def start_task(caller: Caller, agent: str, arguments: Arguments) -> RunRecord:
    """Start the run of a call that nobody waits for; raises what `start` raises."""
    record, _ = await start_in_background(
        caller.server,
        caller.principal,
        arguments.question(agent),
        caller.policy("continue"),
        conversation_id=arguments.conversation_id,
    )
    return record


async def go_on(caller: Caller, waiting: Waiting, decisions: list[Decision]) -> Follower:
    """Start the run that continues a paused one, or find it: the same decisions may come again.

    Raises `InvalidDecision` and `NotPaused`.
    """
    check(waiting.requirements, decisions)
    record, server = waiting.record, caller.server
    made = f"{record.run_id}\n{decisions!r}"
    key = IdempotencyKey.of(f"continue-{record.run_id}", caller.principal, made)
    identity = continuing(record, key.run_id, key.fingerprint)

    def plan() -> Plan:
        return server.service.continuation(record, decisions, caller.principal)

    policy = caller.policy("continue")  # what was decided shall happen
    try:
        follower, _ = await start_continuation(server, plan, policy, identity, key)
    except (AlreadyAsked, KeyReused, UnknownRun):
        raise await server.inbox.taken(record.run_id) from None
    return follower


async def follow(caller: Caller, follower: Follower, report: Report | None) -> CallResult:
    """Follow a run to its end, and report what comes meanwhile."""
    entries: list[Entry] = []
    with follower:
        while not (follower.done or follower.left):
            new = await follower.batch()
            entries += new
            if report is not None and new and not follower.done:
                await report(len(entries), _news(new))
    record, entries = follower.record, standing(entries, follower.after)
    if not follower.done:
        entries.append((0.0, server_stopped().last_chunk(record.model)))
    return result_of(record, entries, caller.links(record), caller.server.media)


def _news(entries: list[Entry]) -> str | None:
    """What is new, for people: the text, or what is done meanwhile."""
    text = "".join(chunk.content for _, chunk in entries)
    if text:
        return text
    notes = [note for _, chunk in entries if (note := _note(chunk)) is not None]
    return notes[-1] if notes else None


def _note(chunk: StreamingChunk) -> str | None:
    if chunk.tool is not None:
        return f"{chunk.tool.name}: {chunk.tool.status}"
    if chunk.step is not None:
        return f"{chunk.step.name}: {chunk.step.status}"
    if chunk.speaker is not None:
        return chunk.speaker.name
    return None
