"""Which processes of a Redis journal are alive, and the runs of those that are not.

See docs/decisions/010-a-process-that-was-taken-for-dead-stops-its-runs.md.
"""

import time
from contextlib import suppress

from redis.exceptions import RedisError

from ...journal import RunRecord
from .. import redis_scripts as scripts
from ..redis_connection import CALL_TIMEOUT, Connection, milliseconds

#: Seconds for which a heartbeat is valid.
HEARTBEAT_TTL = 5.0

#: Seconds after this process's last heartbeat within which it may adopt: one until the next one,
#: and the time of a call. Heartbeats of others that were sent as the last one was are valid then.
ADOPTION_TIME = 1.0 + CALL_TIMEOUT


class Membership:
    """This process among those that share a Redis; `lifetime`, in milliseconds, is how long the
    keys live that it writes."""

    def __init__(self, redis: Connection, lifetime: int) -> None:
        self._redis = redis
        self._lifetime = lifetime
        self.owner = ""
        self._leaving = False
        self._last_heartbeat = self._steady_since = 0.0  # by `time.monotonic()`
        self._heard_at = b"0"  # the last heartbeat, by the clock of Redis, in milliseconds
        self._adopted: list[str] = []  # by the last call, which the next one confirms

    async def join(self, owner: str) -> None:
        """Send the first heartbeat under a name."""
        self.owner, self._leaving = owner, False
        uptime = await self._redis.uptime()
        await self.send_heartbeat()
        self._steady_since = self._last_heartbeat - min(uptime, HEARTBEAT_TTL)

    async def leave(self) -> None:
        """Have the others take this process for dead at once; without an answer they notice the
        missing heartbeats."""
        with suppress(RedisError):
            await self._redis.run(scripts.LEAVE, self.owner)

    async def send_heartbeat(self) -> None:
        valid = milliseconds(HEARTBEAT_TTL)
        self._heard_at = await self._redis.run(
            scripts.HEARTBEAT, self.owner, valid, self._lifetime, int(self._leaving)
        )
        now = time.monotonic()
        if now - self._last_heartbeat > HEARTBEAT_TTL:
            self._steady_since = now
        self._last_heartbeat = now

    async def mark_leaving(self) -> None:
        self._leaving = True
        await self.send_heartbeat()

    async def count_peers(self) -> int:
        return int(await self._redis.run(scripts.COUNT_PEERS, self.owner))

    async def adopt_orphans(self, limit: int) -> list[RunRecord]:
        # No process can send heartbeats while Redis is away. The first one that is back must not
        # take the others for dead.
        now = time.monotonic()
        if now - self._last_heartbeat > HEARTBEAT_TTL or now - self._steady_since < HEARTBEAT_TTL:
            return []
        bounds = (self._lifetime, limit, self._heard_at, milliseconds(ADOPTION_TIME))
        found = await self._redis.run(scripts.ADOPT_ORPHANS, self.owner, *bounds, *self._adopted)
        adopted = [scripts.unpack_record(data, self.owner) for data in found]
        self._adopted = [record.run_id for record in adopted]
        return adopted
