"""`redis://`: logs that processes on many hosts share, in Redis Streams.

See docs/decisions/009-redis-entries-have-the-number-of-their-last-chunk.md.
"""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import SplitResult

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from ...errors import ConfigurationError
from ..journal import (
    ADOPTION_BATCH,
    FOLLOWED_TTL,
    LOOK_SECONDS,
    MEBIBYTE,
    PAUSE_RETENTION,
    Entry,
    Group,
    Reach,
    RunRecord,
)
from ..outbox import Created
from ..reading import removed, unknown_run
from . import redis_scripts as scripts
from .outboxes.redis import RedisOutbox
from .redis_calls.membership import HEARTBEAT_TTL, Membership
from .redis_calls.removal import remove_conversation
from .redis_connection import KEY_PREFIX, Connection, milliseconds, queue_key, result

#: Seconds for which an active run is kept after its last write. Its owner is dead then, and so is
#: every process that could have adopted it.
ORPHAN_TTL = 7 * 86400.0

#: Runs that one step of a sweep removes; Redis runs nothing else meanwhile.
SWEEP_BATCH = 200

#: Cancel requests that are taken at once.
CANCEL_BATCH = 1000


class RedisJournal:
    """A journal in one Redis, 6.2 or newer, that keeps about `run_bytes` a run and `total_bytes` in
    all.

    A run is a hash, and a stream with one entry for each group of chunks that were written
    together; the id of the entry is the number of the group's last chunk. A run over its bound
    loses its oldest groups. If all runs together are over the bound, `sweep` removes the run that
    ended first; if none has ended, the run written to longest ago loses its oldest groups. Ended
    runs expire `retention` seconds after their end, paused ones `pause_retention` seconds after it.

    A call takes a few seconds at most and raises what redis-py raises; nothing is retried. Redis
    Cluster is not supported (the keys of a run would be on several nodes), nor is a Redis that
    evicts keys (`maxmemory-policy` other than `noeviction`): runs would lose their beginning.
    """

    def __init__(
        self,
        url: str,
        *,
        retention: float,
        pause_retention: float = PAUSE_RETENTION,
        run_bytes: int = 64 * MEBIBYTE,
        total_bytes: int = 1024 * MEBIBYTE,
    ) -> None:
        self._retention = milliseconds(retention)
        self._pause_retention = milliseconds(pause_retention)
        self._lifetime = max(milliseconds(ORPHAN_TTL), self._pause_retention) + self._retention
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self._redis = Connection(url)
        self._members = Membership(self._redis, self._lifetime)
        self.outbox = RedisOutbox(self._redis)
        self._no_cancels_until = 0.0  # by `time.monotonic()`

    @classmethod
    def at(cls, url: SplitResult, *, data_dir: Path, **options: Any) -> Self:
        """The journal for a `JOURNAL_URL`; see `open_journal`."""
        return cls(url._replace(query="").geturl(), **options)

    async def open(self, owner: str) -> None:
        """Connect to Redis; raises `ConfigurationError` if Redis cannot be reached or refuses
        commands."""
        try:
            await self._members.join(owner)
        except RedisError as error:
            await self._redis.close()
            refused = isinstance(error, (AuthenticationError, ResponseError))
            what = "refuses" if refused else "cannot be reached"
            message = f"JOURNAL_URL: {self._redis.address} {what}: {error}"
            raise ConfigurationError(message) from None

    async def close(self) -> None:
        try:
            await self._members.leave()
        finally:
            await self._redis.close()

    async def create(self, record: RunRecord, session: str | None = None) -> Created:
        if session is not None and (waiting := await self.outbox.count(session)):
            return Created(new=False, waiting=waiting)
        new = await self._create(record)
        return Created(new, [] if record.first or not new else await self.runs_before(record))

    async def _create(self, record: RunRecord) -> bool:
        made = await self._redis.run(
            scripts.CREATE,
            record.run_id,
            record.owner,
            scripts.pack_record(record),
            queue_key(record),
            self._lifetime,
            milliseconds(HEARTBEAT_TTL) if record.owner == self._members.owner else 0,
            record.continues or "",
            self._retention,
            record.principal,
        )
        return bool(made)

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        answers = await self._append(groups)
        if scripts.UNKNOWN in answers:
            # Rare, so records are not sent along with every group.
            for group, answer in zip(groups, answers, strict=True):
                if answer == scripts.UNKNOWN:
                    await self._create(group.record)
            answers = await self._append(groups)
        return [
            group.record.run_id
            for group, answer in zip(groups, answers, strict=True)
            if answer == scripts.LOST
        ]

    async def _append(self, groups: Sequence[Group]) -> list[int]:
        """Write all groups in one command, and return WRITTEN, LOST or UNKNOWN for each of them.

        One command for all is cheaper: for redis-py a command costs more than a group.
        """
        records = [scripts.pack_record(group.record) for group in groups if group.recovers]
        bounds = (self._run_bytes, self._retention, self._lifetime)
        packed = scripts.pack_groups(groups)
        *answers, requested = await self._redis.run(scripts.APPEND, packed, *bounds, *records)
        self._no_cancels_until = 0.0 if requested else time.monotonic() + LOOK_SECONDS
        return cast("list[int]", answers)

    async def record(self, run_id: str) -> RunRecord | None:
        key = f"{KEY_PREFIX}run:{run_id}"
        found, owner = await result(self._redis.client.hmget(key, ["record", "owner"]))
        return scripts.unpack_record(found, owner.decode()) if found else None

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        answer = await self._redis.run(scripts.READ, run_id, after, limit)
        if answer is None:
            raise unknown_run(run_id)
        if after < (base := int(answer[0])):
            raise removed(run_id, base)
        return scripts.unpack_entries(answer[1:], after)[:limit]

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        found = await self._redis.run(scripts.REACHED, *run_ids)
        return {
            run_id: Reach(int(last), ended is not None)
            for run_id, (last, ended) in zip(run_ids, found, strict=True)
            if last is not None
        }

    async def remove(self, principal: str, conversation_id: str, user: str | None) -> None:
        await remove_conversation(self._redis, principal, conversation_id, user)

    async def delete(self, run_id: str) -> None:
        await self._redis.run(scripts.DELETE, run_id)

    async def list_paused(self, principal: str | None) -> list[RunRecord]:
        return scripts.unpack_records(await self._redis.run(scripts.LIST_PAUSED, principal or ""))

    async def continued_by(self, run_id: str) -> str | None:
        found = await result(self._redis.client.hget(f"{KEY_PREFIX}run:{run_id}", "continued"))
        return cast("bytes", found).decode() if found else None

    async def sweep(self) -> None:
        bounds = (self._retention, self._total_bytes, SWEEP_BATCH, self._pause_retention)
        while await self._redis.run(scripts.SWEEP, *bounds) == SWEEP_BATCH:
            pass  # other commands run between two steps

    async def send_heartbeat(self) -> None:
        await self._members.send_heartbeat()

    async def mark_leaving(self) -> None:
        await self._members.mark_leaving()

    async def count_peers(self) -> int:
        return await self._members.count_peers()

    async def adopt_orphans(self, limit: int = ADOPTION_BATCH) -> list[RunRecord]:
        return await self._members.adopt_orphans(limit)

    async def keep_checkpoint(self, record: RunRecord, data: str) -> bool:
        kept = await self._redis.run(scripts.KEEP_CHECKPOINT, record.run_id, record.owner, data)
        return bool(kept)

    async def checkpoint(self, run_id: str) -> str:
        found = await result(self._redis.client.hget(f"{KEY_PREFIX}run:{run_id}", "checkpoint"))
        return cast("bytes", found).decode() if found else ""

    async def runs_before(self, record: RunRecord) -> list[str]:
        found = await self._redis.run(
            scripts.RUNS_BEFORE, record.run_id, record.owner, queue_key(record)
        )
        return [run_id.decode() for run_id in found]

    async def list_active(self, principal: str) -> list[RunRecord]:
        return scripts.unpack_records(await self._redis.run(scripts.LIST_ACTIVE, principal))

    async def request_cancel(self, run_id: str) -> None:
        await self._redis.run(scripts.REQUEST_CANCEL, run_id, self._lifetime)

    @property
    def saw_no_cancels(self) -> bool:
        return time.monotonic() < self._no_cancels_until

    async def take_cancel_requests(self) -> list[str]:
        key = f"{KEY_PREFIX}asked:{self._members.owner}"
        found = await result(self._redis.client.srandmember(key, CANCEL_BATCH))
        if found:  # taken only when they are here: the answer may be lost on its way
            await result(self._redis.client.srem(key, *found))
        return [run_id.decode() for run_id in cast("list[bytes]", found)]

    async def mark_followed(self, run_ids: Collection[str]) -> None:
        await self._redis.run(scripts.MARK_FOLLOWED, milliseconds(FOLLOWED_TTL), *run_ids)

    async def is_followed(self, run_id: str) -> bool:
        return bool(await self._redis.client.exists(f"{KEY_PREFIX}watch:{run_id}"))
