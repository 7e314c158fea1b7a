"""The outbox in the Redis of the journal."""

from collections.abc import Collection
from uuid import uuid4

import msgspec

from ...outbox import CLAIM_SECONDS, UnstoredTurn
from .. import redis_scripts as scripts
from ..redis_connection import KEY_PREFIX, Connection, result

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(UnstoredTurn).decode


class RedisOutbox:
    """Keeps turns in a hash, their order in a sorted set; neither ever expires."""

    def __init__(self, redis: Connection) -> None:
        self._redis = redis
        self._me = uuid4().hex

    async def keep(self, turn: UnstoredTurn) -> None:
        await self._redis.run(
            scripts.OUTBOX_KEEP, turn.key, turn.session, turn.created_at, _encode(turn)
        )

    async def count(self, session: str | None = None) -> int:
        if session is None:
            return int(await result(self._redis.client.zcard(f"{KEY_PREFIX}outbox")))
        found = await result(self._redis.client.hvals(f"{KEY_PREFIX}outbox:sessions"))
        return sum(name.decode() == session for name in found)

    async def claim(self, session: str | None, limit: int) -> list[UnstoredTurn]:
        milliseconds = round(CLAIM_SECONDS * 1000)
        found = await self._redis.run(
            scripts.OUTBOX_CLAIM, session or "", limit, self._me, milliseconds
        )
        return [_decode(turn) for turn in found]

    async def settle(self, keys: Collection[str]) -> None:
        if keys:
            await self._redis.run(scripts.OUTBOX_SETTLE, *keys)

    async def release(self) -> None:
        await self._redis.run(scripts.OUTBOX_RELEASE, self._me)

    async def drop(self, session: str) -> None:
        sessions = await result(self._redis.client.hgetall(f"{KEY_PREFIX}outbox:sessions"))
        await self.settle(
            [key.decode() for key, name in sessions.items() if name.decode() == session]
        )
