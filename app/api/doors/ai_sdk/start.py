"""How the run of a request starts: with a question, with results of the page's tools, or with
decisions on a paused run."""

import dataclasses
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ....core.errors import (
    AlreadyAsked,
    InvalidField,
    KeyReused,
    UnknownConversation,
    UnknownRun,
    UnknownTurn,
)
from ....core.log.follower import Follower
from ....core.log.journal import RunRecord
from ....core.question import PastMessage
from ....core.runs.clock import OnDisconnect, Policy
from ....core.runs.pauses.inbox import continuing
from ....core.runs.turn import Plan
from ...context import Context
from ...names import Target, resolve
from ...starting import IdempotencyKey, start_continuation, start_or_replay
from .answered import Answer, request_of, stored
from .answers import Decided, answer_of, decided, run_named
from .encoder import Earlier
from .parts import UIMessage
from .requests import ChatRequest

#: Runs that continue one another in one message, at most.
MAX_EARLIER = 100


@dataclass(frozen=True, slots=True)
class Start:
    """A request that starts a run; `key` is that of its header, `sent` its fields as they came."""

    server: Context
    principal: str
    body: ChatRequest
    key: str | None
    sent: dict[str, Any]

    async def run(self) -> Follower:
        """Start the run, or find it by its key, and return a follower at its beginning.

        Raises `InvalidField`, `NotPaused`, `InvalidDecision`, and what `start_or_replay` raises.
        """
        body, server = self.body, self.server
        message = body.answered
        if message is not None:
            found = await decided(server, self.principal, body.conversation_id, message)
            if found is not None:
                return await self._continue(found)
        target = resolve(server, body.model) if body.model is not None else Target()
        history, request = body.history(), None
        if message is not None:
            before = await self._before(message)
            if body.alone:
                history = [await self._asked(before), *history]
            request = stored(before.run_id if before else None, _answers(message))
        elif not history:
            history = [await self._asked(None)]
        follower, _ = await start_or_replay(
            server,
            self.principal,
            body.question(target, history),
            self._policy(body.on_disconnect or "grace"),
            conversation_id=body.conversation_id,
            key=self._key(),
            request=request,
            replaces=await self._replaced(history) if body.regenerates else None,
        )
        return follower

    async def _continue(self, found: Decided) -> Follower:
        """Start the run that continues a paused one, or find it: the same decisions may come
        again."""
        record, server = found.waiting.record, self.server
        key = self._key()
        if key is None:
            made = f"{record.run_id}\n{found.decisions!r}"
            key = IdempotencyKey.of(f"continue-{record.run_id}", self.principal, made)
        identity = continuing(record, key.run_id, key.fingerprint)
        request = stored(record.run_id, found.answers)
        identity = dataclasses.replace(identity, request=request)

        def plan() -> Plan:
            return server.service.continuation(record, found.decisions, self.principal)

        policy = self._policy(self.body.on_disconnect or "continue")
        try:
            follower, _ = await start_continuation(server, plan, policy, identity, key)
        except (AlreadyAsked, KeyReused, UnknownRun):
            if self.key is not None:
                raise
            raise await server.inbox.taken(record.run_id) from None
        return follower

    async def _before(self, message: UIMessage) -> RunRecord | None:
        """The run whose calls a message answers; None if it is not known here."""
        run_id = run_named(message)
        if run_id is None:
            return None
        try:
            record = await self.server.runs.record(run_id, self.principal)
        except UnknownRun:
            return None
        mine = record.conversation_id == self.body.conversation_id
        return record if mine else None

    async def _replaced(self, history: Sequence[PastMessage]) -> str | None:
        """The stored turn whose answer is made anew: that of the message which the page names, else
        the last one, if it has the same question; None if no such turn is stored."""
        body, server = self.body, self.server
        prefix, _, run_id = (body.messageId or "").partition("_")
        try:
            if prefix != "msg":
                found = await server.conversations.get(
                    body.conversation_id, self.principal, body.user
                )
                last = [m for m in found.messages if m.role == "user"][-1:]
                same = last and history and last[0].content == history[-1].content
                return last[0].run_id if same else None
            with suppress(UnknownRun):
                run_id = (await server.runs.record(run_id, self.principal)).turn_id
            turn = await server.branches.turn(
                *(run_id, self.principal),
                conversation_id=body.conversation_id,
                user=body.user,
            )
        except (UnknownConversation, UnknownTurn):
            return None
        return turn.run_id

    async def _asked(self, before: RunRecord | None) -> PastMessage:
        """The question that the answer to make belongs to, from the run or the conversation."""
        if before is not None and before.question:
            return PastMessage("user", before.question)
        server, body = self.server, self.body
        try:
            found = await server.conversations.get(body.conversation_id, self.principal, body.user)
        except UnknownConversation:
            found = None
        for message in reversed(found.messages if found else []):
            if message.role == "user":
                return PastMessage("user", message.content)
        raise InvalidField("messages: the question is not known here; send all messages")

    def _key(self) -> IdempotencyKey | None:
        if self.key is None:
            return None
        return IdempotencyKey.of(self.key, self.principal, json.dumps(self.sent))

    def _policy(self, on_disconnect: OnDisconnect) -> Policy:
        server = self.server
        return Policy(server.timeouts, on_disconnect=on_disconnect, grace=server.grace)


async def earlier_runs(server: Context, record: RunRecord) -> list[Earlier]:
    """Return the runs whose answers stand before a run's in the same message of the client, with
    their logs, oldest first."""
    found: list[Earlier] = []
    follows = record.continues or request_of(record).follows
    while follows is not None and len(found) < MAX_EARLIER:
        try:
            before, log = await server.runs.log_of(follows, principal=record.principal)
        except UnknownRun:  # no longer kept
            break
        found.insert(0, Earlier(before, log.entries))
        follows = before.continues or request_of(before).follows
    return found


def _answers(message: UIMessage) -> list[Answer]:
    return [answer_of(part) for part in message.tools if part.answered]
