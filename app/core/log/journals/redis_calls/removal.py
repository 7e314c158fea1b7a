"""Removes the runs of a deleted conversation from Redis.

Redis has no index of ended runs by conversation, because that would cost every run something. So
their records are read here, a batch at a time, because Redis runs nothing else during a script.
"""

import msgspec

from ...journal import RunRecord, belongs
from .. import redis_scripts as scripts
from ..redis_connection import KEY_PREFIX, Connection, result

#: Records that are read at once.
BATCH = 200

_decode = msgspec.msgpack.Decoder(RunRecord).decode


async def remove_conversation(
    redis: Connection, principal: str, conversation_id: str, user: str | None
) -> None:
    """Remove the ended and the paused runs of a conversation; raises what redis-py raises."""
    sets = [redis.client.zrange(KEY_PREFIX + name, 0, -1) for name in ("ended", "paused")]
    found = [run_id for members in sets for run_id in await result(members)]
    ids = [name.decode() for name in found]
    for n in range(0, len(ids), BATCH):
        batch = ids[n : n + BATCH]
        pipeline = redis.client.pipeline(transaction=False)
        for run_id in batch:
            pipeline.hget(f"{KEY_PREFIX}run:{run_id}", "record")
        gone = [
            run_id
            for run_id, data in zip(batch, await pipeline.execute(), strict=True)
            if data and belongs(_decode(data), principal, conversation_id, user)
        ]
        if gone:
            await redis.run(scripts.REMOVE, *gone)
