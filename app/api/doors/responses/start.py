"""How the run of a request starts: with a question, or with decisions on a paused run."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from ....core.errors import AlreadyAsked, UnknownRun
from ....core.log.follower import Follower
from ....core.runs.clock import OnDisconnect, Policy
from ....core.runs.identity import new_id
from ....core.runs.pauses.inbox import Waiting, continuing
from ....core.runs.turn import Plan
from ....models.chat import Decision
from ...context import Context
from ...names import Target, resolve
from ...starting import IdempotencyKey, start_continuation, start_or_replay
from .input import messages_of, read_items
from .pauses import decided
from .requests import ResponseRequest
from .resource import Request
from .thread import Thread, thread_of


@dataclass(frozen=True, slots=True)
class Start:
    """A request that starts a run. `raw` are its items as the client sent them, `form` is that of
    the server's tools, None if it follows from the request."""

    server: Context
    principal: str
    body: ResponseRequest
    raw: list[dict[str, Any]]
    key: IdempotencyKey | None
    form: Literal["function_call", "mcp_call"] | None

    async def run(self) -> tuple[Follower, Request]:
        """Start the run, or find it by its key, and return a follower at its beginning, and what
        its response repeats of the request.

        Raises `InvalidField`, `NotPaused`, `InvalidDecision`, and what `start_or_replay` raises.
        """
        found = await decided(self.server, self.principal, self.body)
        if found is not None:
            return await self._continue(*found)
        body, server = self.body, self.server
        target = resolve(server, body.model) if body.model is not None else Target()
        thread = await thread_of(server, self.principal, body, self.raw)
        question = body.question(
            target,
            thread.messages,
            before=messages_of(read_items(thread.before)),
            continues=thread.continues,
            user=thread.user,
        )
        wanted = self._repeated(thread)
        follower, _ = await start_or_replay(
            server,
            self.principal,
            question,
            self._policy(),
            conversation_id=thread.conversation_id,
            key=self.key,
            request=_stored(wanted),
        )
        return follower, wanted

    async def _continue(
        self, waiting: Waiting, decisions: list[Decision]
    ) -> tuple[Follower, Request]:
        """Start the run that continues a paused one."""
        record, key, server = waiting.record, self.key, self.server
        wanted = self._repeated(Thread(self.raw, follows=record.run_id))
        identity = continuing(
            record, key.run_id if key else new_id(), key.fingerprint if key else ""
        )
        identity = dataclasses.replace(identity, request=_stored(wanted))

        def plan() -> Plan:
            return server.service.continuation(record, decisions, self.principal)

        try:
            follower, _ = await start_continuation(server, plan, self._policy(), identity, key)
        except (AlreadyAsked, UnknownRun):
            raise await server.inbox.taken(record.run_id) from None
        return follower, wanted

    def _repeated(self, thread: Thread) -> Request:
        wanted = self.body.repeated(thread.stored, thread.before, thread.follows)
        if self.form is not None:
            wanted.hosted = self.form == "mcp_call"
        return wanted

    def _policy(self) -> Policy:
        return Policy(
            self.server.timeouts, on_disconnect=self._on_disconnect(), grace=self.server.grace
        )

    def _on_disconnect(self) -> OnDisconnect:
        """Return what happens to the run when its last reader leaves.

        A run in the background continues. The reader of a stream that is kept may return, and so
        may one with an idempotency key: the run waits. Any other run is cancelled.
        """
        body = self.body
        if body.background:
            return "continue"
        return "grace" if (body.stream and body.kept) or self.key is not None else "cancel"


def _stored(wanted: Request) -> str | None:
    return msgspec.json.encode(wanted).decode() if wanted.store else None
