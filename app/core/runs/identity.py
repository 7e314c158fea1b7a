"""What identifies a run: its id, its conversation, its principal; and the chunk that says so."""

import time
import uuid
from dataclasses import dataclass

from ...models.chat import StreamingChunk
from ..log.journal import RunRecord
from .turn import Plan


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of a new run and of its conversation, and its principal.

    `fingerprint` is a hash of a request that has an idempotency key; empty for any other request.
    `request` is what the door needs of the request to show it again; see `RunRecord`.
    `continues` is the paused run that the new one continues, `origin` the first run of that chain.
    `replaces` is the turn in whose place the new one stands. The run is the `first` of its
    conversation if the id of that was made with it.
    """

    run_id: str
    conversation_id: str
    principal: str
    fingerprint: str = ""
    user: str | None = None
    request: str | None = None
    continues: str | None = None
    origin: str | None = None
    replaces: str | None = None
    first: bool = False

    def record(self, plan: Plan, owner: str) -> RunRecord:
        """Return the record of a run of this plan that begins now, in the process `owner`."""
        return RunRecord(
            run_id=self.run_id,
            conversation_id=self.conversation_id,
            principal=self.principal,
            agent=plan.agent,
            model=plan.model,
            created_at=time.time(),
            owner=owner,
            question=plan.stored_question,
            fingerprint=self.fingerprint,
            user=self.user,
            request=self.request,
            continues=self.continues,
            origin=self.origin,
            settings=plan.settings,
            replaces=self.replaces,
            first=self.first,
        )


def new_id() -> str:
    """Return a new random id for a run or a conversation, 32 hexadecimal digits."""
    return uuid.uuid4().hex


def opening(record: RunRecord) -> StreamingChunk:
    """Return the first chunk of a run's log, which has the run's id and its conversation's."""
    return StreamingChunk(
        content="",
        done=False,
        model=record.model,
        agent=record.agent,
        run_id=record.run_id,
        conversation_id=record.conversation_id,
        continues=record.continues,
        replaces=record.replaces,
    )
