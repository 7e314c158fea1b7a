"""How the run of a request starts: with a question, or with decisions on a paused run."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec

from ....core.errors import AlreadyAsked, InvalidField, UnknownRun
from ....core.log.follower import Follower
from ....core.pauses import check
from ....core.runs.clock import Policy
from ....core.runs.pauses.inbox import Waiting, continuing
from ....core.runs.turn import Plan
from ....models.chat import Decision
from ...context import Context
from ...names import Target, resolve
from ...requests import CONVERSATION
from ...starting import IdempotencyKey, start_continuation, start_or_replay
from .interrupts import can_be_abandoned, decisions, ids_of
from .messages import last_results, last_text, results_of
from .request import Request
from .requests import RunAgentInput

#: Bytes of the client's messages that are stored with a run, for a snapshot of all messages.
STORED_BYTES = 256 << 10


def key_of(run_id: str, principal: str, request: str = "") -> IdempotencyKey:
    """Return the identity of a client's run, by which a request that is sent again finds it."""
    name = hashlib.sha256(run_id.encode()).hexdigest()
    return IdempotencyKey.of(f"agui:{name}", principal, request)


def conversation_of(thread_id: str) -> str:
    """Return the id of the conversation of a thread: its own, or a hash of one of another form."""
    if CONVERSATION.fullmatch(thread_id):
        return thread_id
    return hashlib.sha256(thread_id.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Start:
    """A request that starts a run. `fields` is its body as the client sent it; `agent` is the name
    in the address, None for none."""

    server: Context
    principal: str
    body: RunAgentInput
    fields: dict[str, Any]
    agent: str | None

    async def run(self) -> tuple[Follower, bool]:
        """Start the run, and return a follower at its beginning.

        The second value is True if no run was started, because the same request has started it
        before. Raises `InvalidField`, `NotPaused`, `InvalidDecision`, and what `start_or_replay`
        raises.
        """
        waiting = await self._waiting()
        if waiting is not None:
            return await self._continue(waiting)
        target = self._target()
        return await start_or_replay(
            self.server,
            self.principal,
            self.body.question(target.agent, target.model),
            Policy(self.server.timeouts, on_disconnect="grace", grace=self.server.grace),
            conversation_id=conversation_of(self.body.thread_id),
            key=self._key(),
            request=_stored(self._request()),
        )

    def _target(self) -> Target:
        """The agent and the model that answer: the address goes before `forwardedProps`."""
        chosen = self.body.chosen
        name, model = self.agent or chosen.get("agent"), chosen.get("model")
        if name is None:
            return resolve(self.server, model) if model is not None else Target()
        found = resolve(self.server, name)
        return Target(found.agent, model or found.model)

    async def _waiting(self) -> Waiting | None:
        """The paused run that the request goes on with; None if it asks a question.

        It is named by the answers to its interrupts, or it waits in the thread for the results of
        calls that the client's messages end with. Raises `UnknownRun` and `NotPaused`.
        """
        conversation = conversation_of(self.body.thread_id)
        if answers := self.body.answers:
            ids = ids_of(answers[-1].interrupt_id)
            assert ids is not None
            waiting = await self.server.inbox.find(ids[0], self.principal)
            if waiting.record.conversation_id != conversation:
                raise InvalidField("resume: the interrupt belongs to another thread")
            if self._instead(waiting) and not can_be_abandoned(waiting.requirements):
                return None  # the new question is one for a new run
            return waiting
        results = last_results(self.body.messages)
        if not results:
            return None
        for record, _ in await self.server.runs.list_active(self.principal, conversation):
            await self.server.inbox.settle(record)
        for waiting in reversed(await self.server.inbox.waiting(self.principal, conversation)):
            calls = {r.tool.id for r in waiting.requirements if r.tool and r.kind == "external"}
            if waiting.record.principal == self.principal and calls & results.keys():
                return waiting
        return None

    async def _continue(self, waiting: Waiting) -> tuple[Follower, bool]:
        """Start the run that continues a paused one."""
        record, server, key = waiting.record, self.server, self._key()
        results = results_of(self.body.messages)
        made = self._decisions(waiting, results)
        check(waiting.requirements, made)
        calls = [item.tool.id for item in waiting.requirements if item.tool is not None]
        wanted = self._request()
        wanted.shown = [call for call in calls if call not in results]
        wanted.returned = [call for call in calls if call in results]
        identity = continuing(record, key.run_id, key.fingerprint)
        identity = dataclasses.replace(identity, request=_stored(wanted))

        def plan() -> Plan:
            return server.service.continuation(record, made, self.principal)

        policy = Policy(server.timeouts, on_disconnect="continue")  # what was decided shall happen
        try:
            return await start_continuation(server, plan, policy, identity, key)
        except (AlreadyAsked, UnknownRun):
            raise await server.inbox.taken(record.run_id) from None

    def _decisions(self, waiting: Waiting, results: dict[str, str]) -> list[Decision]:
        run_id = waiting.record.run_id
        answers = [
            answer
            for answer in self.body.answers
            if (ids := ids_of(answer.interrupt_id)) is not None and ids[0] == run_id
        ]
        return decisions(waiting.requirements, answers, results, self._instead(waiting))

    def _instead(self, waiting: Waiting) -> str | None:
        """What the user says rather than answering: a new question, if all interrupts are
        abandoned."""
        question = last_text(self.body.messages)
        abandoned = all(answer.abandoned for answer in self.body.answers)
        return question if abandoned and question != waiting.record.question else None

    def _key(self) -> IdempotencyKey:
        return key_of(
            self.body.run_id,
            self.principal,
            json.dumps([self.agent, self.fields], sort_keys=True),
        )

    def _request(self) -> Request:
        text = json.dumps(self.fields["messages"], ensure_ascii=False)
        small = len(text.encode()) <= STORED_BYTES
        return Request(
            thread_id=self.body.thread_id,
            run_id=self.body.run_id,
            parent_run_id=self.body.parent_run_id,
            declared=self.body.protocol_version is not None,
            messages=json.loads(text) if small else None,
        )


def _stored(wanted: Request) -> str:
    return msgspec.json.encode(wanted).decode()
