"""`redis://`: logs that processes on many hosts keep together, in Redis Streams."""

import time
from collections.abc import Awaitable, Collection, Sequence
from typing import Any, ClassVar, cast
from urllib.parse import quote

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    NoScriptError,
    RedisError,
    ResponseError,
)

from ...addresses import shown
from ...errors import ConfigurationError, Gap, UnknownRun
from ..journal import FOLLOWED_TTL, Entry, Group, Reach, RunRecord
from . import redis_scripts as scripts

MEBIBYTE = 1 << 20

#: Before each key, so that others may use the same Redis.
PREFIX = "agno-stream:"

#: Seconds for which a beat keeps a process alive.
LIFE = 5.0

#: Seconds for which a run without an end is kept after it was last written to. Its owner is dead,
#: and so have been all others that might have adopted it.
LEFTOVER = 7 * 86400.0

#: Seconds that a call, and the way to Redis, may take.
TIMEOUT = 2.0

#: Commands at the same time; further ones wait for `TIMEOUT`.
CONNECTIONS = 16

#: Bytes that a group takes beside its entries.
ROW = 50

#: Runs that one step of a sweep removes: Redis does nothing else meanwhile.
SWEPT = 200

WRITTEN, LOST, UNKNOWN = range(3)

_encode = msgspec.msgpack.Encoder().encode
_record = msgspec.msgpack.Decoder(RunRecord).decode
# JSON, since a model may call a tool with a number too large for MessagePack.
_encode_entries = msgspec.json.Encoder().encode
_entries = msgspec.json.Decoder(list[Entry]).decode


class RedisJournal:
    """Keeps about `run_bytes` of one run and `total_bytes` of all, in one Redis of 6.2 or newer.

    A run is a stream with one entry for each group, whose id is the number of the group's last
    entry, and a hash that tells the rest. A run over its bound loses its oldest groups; when all
    together are over theirs, `sweep` removes the run that ended first, and if none has ended, the
    head of the one written to longest ago. Ended runs expire `retention` seconds after their end.

    A call takes a few seconds at most, and raises what redis-py raises; none is tried again here.
    Redis Cluster is not supported: a run's keys would be on several of its nodes. Nor is a Redis
    that evicts keys (`maxmemory-policy` other than `noeviction`): runs would lose their beginning.
    """

    CANCEL_POLL_SECONDS: ClassVar[float] = 0.05

    def __init__(
        self,
        url: str,
        *,
        retention: float,
        run_bytes: int = 64 * MEBIBYTE,
        total_bytes: int = 1024 * MEBIBYTE,
    ) -> None:
        self._retention = _milliseconds(retention)
        self._lifetime = _milliseconds(LEFTOVER) + self._retention
        self._run_bytes = run_bytes
        self._total_bytes = total_bytes
        self._owner = ""
        self._beaten = self._steady = 0.0
        self._loaded: dict[str, str] = {}  # a script, and its hash
        try:
            self._address = shown(url)
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=TIMEOUT,
                socket_timeout=TIMEOUT,
                socket_connect_timeout=TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            # Its words may have a part of the password in them.
            message = "JOURNAL_URL: not an address; redis://[user:password@]host[:port][/database]"
            raise ConfigurationError(message) from None
        self._redis = Redis.from_pool(pool)

    async def open(self, owner: str) -> None:
        """Raises `ConfigurationError` if Redis cannot be reached, or not be used."""
        self._owner = owner
        try:
            uptime = await self._uptime()
            await self.send_heartbeat()
        except RedisError as error:
            await self._redis.aclose()
            refused = isinstance(error, (AuthenticationError, ResponseError))
            what = "refuses" if refused else "cannot be reached"
            message = f"JOURNAL_URL: {self._address} {what}: {error}"
            raise ConfigurationError(message) from None
        self._steady = self._beaten - min(uptime, LIFE)

    async def _uptime(self) -> float:
        try:
            return float((await self._redis.info("server"))["uptime_in_seconds"])
        except NoPermissionError:
            return 0

    async def close(self) -> None:
        try:
            await self._run(scripts.LEAVE, self._owner)
        except RedisError:
            pass  # it is found out by its missing beats
        finally:
            await self._redis.aclose()

    async def create(self, record: RunRecord) -> bool:
        made = await self._run(
            scripts.CREATE,
            record.run_id,
            record.owner,
            _encode(record),
            _queue(record),
            self._lifetime,
            _milliseconds(LIFE) if record.owner == self._owner else 0,
        )
        return bool(made)

    async def append(self, groups: Sequence[Group]) -> Collection[str]:
        answers = await self._append(groups)
        if UNKNOWN in answers:
            # Seldom, so that else no record need go with its groups.
            for group, answer in zip(groups, answers, strict=True):
                if answer == UNKNOWN:
                    await self.create(group.record)
            answers = await self._append(groups)
        return [
            group.record.run_id
            for group, answer in zip(groups, answers, strict=True)
            if answer == LOST
        ]

    async def _append(self, groups: Sequence[Group]) -> list[int]:
        """All groups in one command: redis-py takes longer over a command than over a group."""
        packed = []
        for group in groups:
            run_id, owner = group.record.run_id, group.record.owner
            data = _encode_entries(group.entries)
            size = len(data) + ROW
            text = data.decode()  # the scripts know no MessagePack of bytes
            packed.append((run_id, owner, group.first, group.last, size, group.ended, text))
        bounds = (self._run_bytes, self._retention, self._lifetime)
        return cast("list[int]", await self._run(scripts.APPEND, _encode(packed), *bounds))

    async def record(self, run_id: str) -> RunRecord | None:
        found, owner = await _result(self._redis.hmget(_run(run_id), ["record", "owner"]))
        return msgspec.structs.replace(_record(found), owner=owner.decode()) if found else None

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        answer = await self._run(scripts.READ, run_id, after, limit)
        if answer is None:
            raise UnknownRun(f"Run {run_id!r} is not known, or no longer kept.")
        if after < (base := int(answer[0])):
            raise Gap(
                f"Events up to {base} of run {run_id} are no longer kept.",
                first_event_id=f"{run_id}:{base}",
                base=base,
            )
        found: list[Entry] = []
        for last, blob in zip(answer[1::2], answer[2::2], strict=True):
            entries = _entries(blob)
            # The first group may begin before `after`, and a repeat within the group before it.
            found += entries[len(entries) - (last - after - len(found)) :]
        return found[:limit]

    async def reached(self, run_ids: Collection[str]) -> dict[str, Reach]:
        found = await self._run(scripts.REACHED, *run_ids)
        return {
            run_id: Reach(int(last), ended is not None)
            for run_id, (last, ended) in zip(run_ids, found, strict=True)
            if last is not None
        }

    async def sweep(self) -> None:
        while await self._run(scripts.SWEEP, self._retention, self._total_bytes, SWEPT) == SWEPT:
            pass  # other commands come in between

    async def send_heartbeat(self) -> None:
        await self._run(scripts.BEAT, self._owner, _milliseconds(LIFE), self._lifetime)
        now = time.monotonic()
        if now - self._beaten > LIFE:
            self._steady = now
        self._beaten = now

    async def count_peers(self) -> int:
        return int(await self._run(scripts.PEERS, self._owner))

    async def adopt_orphans(self) -> list[RunRecord]:
        # While Redis was away nobody could beat: who comes back first must not think that it is
        # the only one who lives.
        now = time.monotonic()
        if now - self._beaten > LIFE or now - self._steady < LIFE:
            return []
        found = await self._run(scripts.ADOPT, self._owner, self._lifetime)
        return [msgspec.structs.replace(_record(data), owner=self._owner) for data in found]

    async def runs_before(self, record: RunRecord) -> list[str]:
        found = await self._run(scripts.QUEUE, record.run_id, record.owner, _queue(record))
        return [run_id.decode() for run_id in found]

    async def list_active(self, principal: str) -> list[RunRecord]:
        found = await self._run(scripts.LIVE, principal)
        pairs = zip(found[::2], found[1::2], strict=True)
        records = [
            msgspec.structs.replace(_record(data), owner=owner.decode()) for data, owner in pairs
        ]
        return sorted(records, key=lambda record: record.created_at)

    async def request_cancel(self, run_id: str) -> None:
        await self._run(scripts.ASK, run_id, self._lifetime)

    async def take_cancel_requests(self) -> list[str]:
        found = await _result(self._redis.spop(f"{PREFIX}asked:{self._owner}", 1000))
        return [run_id.decode() for run_id in cast("list[bytes]", found)]

    async def mark_followed(self, run_ids: Collection[str]) -> None:
        await self._run(scripts.WATCH, _milliseconds(FOLLOWED_TTL), *run_ids)

    async def is_followed(self, run_id: str) -> bool:
        return bool(await self._redis.exists(f"{PREFIX}watch:{run_id}"))

    async def _run(self, script: str, *arguments: str | bytes | float) -> Any:
        """Run a script in Redis, which forgets them all when it is restarted."""
        if (name := self._loaded.get(script)) is None:
            name = self._loaded[script] = await self._redis.script_load(scripts.COMMON + script)
        try:
            return await _result(self._redis.evalsha(name, 0, PREFIX, *arguments))
        except NoScriptError:
            return await _result(self._redis.eval(scripts.COMMON + script, 0, PREFIX, *arguments))


def _result(call: Awaitable[Any] | Any) -> Awaitable[Any]:
    """redis-py types the methods of both its clients as one."""
    return cast("Awaitable[Any]", call)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _run(run_id: str) -> str:
    return f"{PREFIX}run:{run_id}"


def _queue(record: RunRecord) -> str:
    return f"{PREFIX}queue:{quote(record.principal, safe='')}:{record.conversation_id}"
