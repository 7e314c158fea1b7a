"""How often a principal may ask, and for how many tokens, in a time."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from ..errors import ConfigurationError, RateLimited

logger = logging.getLogger(__name__)

#: Seconds that Redis may take to count. If it cannot, requests pass: as everywhere, a store that is
#: away stops nobody.
TIMEOUT = 1.0

#: Before each key, so that others may use the same Redis.
PREFIX = "agno-stream:limits"

_LIMIT = re.compile(
    r"(\d{1,12})\s*(requests?|tokens?)?\s*(?:/|\bper\b)\s*(second|minute|hour|day)s?", re.IGNORECASE
)


class Limit(NamedTuple):
    """So much of something in a time, as `100 tokens/minute`."""

    what: Literal["requests", "tokens"]
    item: RateLimitItem


def read_limits(text: str | None) -> list[Limit]:
    """The limits of `RATE_LIMIT`, `60 requests/minute, 100000 tokens/minute`; a limit that does
    not say of what is one of requests. Raises `ConfigurationError`."""
    found = []
    for part in filter(None, (part.strip() for part in (text or "").split(","))):
        match = _LIMIT.fullmatch(part)
        if match is None or not int(match[1]):
            raise ConfigurationError(
                f"RATE_LIMIT: {part!r} is not of the form '60 requests/minute' or "
                "'100000 tokens/minute'"
            )
        tokens = (match[2] or "").lower().startswith("token")
        found.append(Limit("tokens" if tokens else "requests", parse(f"{match[1]}/{match[3]}")))
    return found


class Rates:
    """Counts the questions of each principal in a sliding window, and its tokens in a fixed one.

    A question is refused before it is asked; what it costs in tokens is known when it has been
    answered, so the last one may go over the limit. The counts are this process's own, or those of
    all processes at the Redis of `redis_url`.
    """

    def __init__(self, limits: list[Limit] | None = None, redis_url: str | None = None) -> None:
        self._limits = limits or []
        self._storage: Storage
        self._close: Callable[[], Awaitable[None]] | None = None
        shared = self._limits and urlsplit(redis_url or "").scheme in ("redis", "rediss", "unix")
        if shared and redis_url is not None:
            self._storage = self._redis(redis_url)
        else:
            self._storage = MemoryStorage()
        self._questions = SlidingWindowCounterRateLimiter(self._storage)
        self._tokens = FixedWindowRateLimiter(self._storage)

    def _redis(self, url: str) -> Storage:
        from redis.asyncio import BlockingConnectionPool  # only where the journal needs it, too

        pool = BlockingConnectionPool.from_url(
            urlsplit(url)._replace(query="").geturl(),
            max_connections=8,
            timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
        )
        self._close = pool.aclose
        options: dict[str, object] = {"connection_pool": pool}
        return RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=PREFIX,
            **options,  # type: ignore[arg-type]  # documented, but its type is not told
        )

    async def close(self) -> None:
        if self._close is not None:
            await self._close()

    async def admit(self, principal: str) -> None:
        """Count a question; raises `RateLimited`, with the seconds until it may be asked again."""
        for limit in sorted(self._limits, key=lambda limit: limit.what, reverse=True):
            try:
                async with asyncio.timeout(TIMEOUT):
                    wait = await self._wait(limit, principal)
            except Exception:
                logger.exception("rates: cannot be counted; the request passes")
                return
            if wait is not None:
                amount, unit = limit.item.amount, limit.item.GRANULARITY.name
                raise RateLimited(
                    f"You may use {amount} {limit.what} a {unit}, and have.", retry_after=wait
                )

    async def _wait(self, limit: Limit, principal: str) -> float | None:
        """Seconds until a principal is within a limit; None if it is."""
        keys = (limit.what, principal)
        if limit.what == "tokens":
            if await self._tokens.test(limit.item, *keys):
                return None
            reset = (await self._tokens.get_window_stats(limit.item, *keys)).reset_time
        else:
            if await self._questions.hit(limit.item, *keys):
                return None
            reset = (await self._questions.get_window_stats(limit.item, *keys)).reset_time
        return max(1.0, reset - time.time())

    async def spent(self, principal: str, tokens: int) -> None:
        """Count what an answer cost; never raises."""
        for limit in self._limits:
            if limit.what == "tokens" and tokens > 0:
                try:
                    async with asyncio.timeout(TIMEOUT):
                        await self._tokens.hit(limit.item, limit.what, principal, cost=tokens)
                except Exception:
                    logger.exception("rates: %d tokens of a run are not counted", tokens)
