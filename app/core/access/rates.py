"""Rate limits: the requests and the tokens of a principal in a period of time."""

import asyncio
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

from ..errors import ConfigurationError, RateLimited

if TYPE_CHECKING:  # the package is loaded by a server that has limits
    from limits import RateLimitItem
    from limits.aio.storage import Storage
    from limits.aio.strategies import RateLimiter

logger = logging.getLogger(__name__)

#: Seconds that Redis may take to count. After that requests pass: a store that is away blocks no
#: request.
COUNT_TIMEOUT = 1.0

#: The beginning of each key, so that other programs may use the same Redis.
KEY_PREFIX = "agno-stream:limits"

_LIMIT = re.compile(
    r"(\d{1,12})\s*(requests?|tokens?)?\s*(?:/|\bper\b)\s*(second|minute|hour|day)s?", re.IGNORECASE
)


class Limit(NamedTuple):
    """A limit of requests or tokens in a period, such as `100 tokens/minute`, for each
    principal."""

    what: Literal["requests", "tokens"]
    item: "RateLimitItem"


def read_limits(text: str | None) -> list[Limit]:
    """Parse the setting `RATE_LIMIT`, for example `60 requests/minute, 100000 tokens/minute`.

    A number without a unit counts requests. None or an empty text gives an empty list: no limits.
    Raises `ConfigurationError`.
    """
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    if not parts:
        return []
    from limits import parse

    found = []
    for part in parts:
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
    """Counts each principal's requests in a sliding window and its tokens in a fixed one, to limit
    both.

    Requests are rejected before they start a run, and counted when they start one. Tokens are
    counted after the run has ended, so the last run may exceed the limit. If `redis_url` is the URL
    of a Redis, all processes that use it count together.
    """

    def __init__(self, limits: list[Limit] | None = None, redis_url: str | None = None) -> None:
        self._limits = limits or []
        self._requests: RateLimiter
        self._tokens: RateLimiter
        self._close: Callable[[], Awaitable[None]] | None = None
        if self._limits:
            self._open(redis_url or "")

    def _open(self, redis_url: str) -> None:
        """Make what counts."""
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

        shared = urlsplit(redis_url).scheme in ("redis", "rediss", "unix")
        storage = self._redis(redis_url) if shared else MemoryStorage()
        self._requests = SlidingWindowCounterRateLimiter(storage)
        self._tokens = FixedWindowRateLimiter(storage)

    def _redis(self, url: str) -> "Storage":
        from limits.aio.storage import RedisStorage
        from redis.asyncio import BlockingConnectionPool  # installed if the journal needs it

        pool = BlockingConnectionPool.from_url(
            urlsplit(url)._replace(query="").geturl(),
            max_connections=8,
            timeout=COUNT_TIMEOUT,
            socket_timeout=COUNT_TIMEOUT,
            socket_connect_timeout=COUNT_TIMEOUT,
        )
        self._close = pool.aclose
        options: dict[str, object] = {"connection_pool": pool}
        return RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=KEY_PREFIX,
            **options,  # type: ignore[arg-type]  # documented, but without a type
        )

    async def close(self) -> None:
        if self._close is not None:
            await self._close()

    async def check(self, principal: str) -> None:
        """Raise `RateLimited`, with the seconds until the next request is allowed, if a principal
        is at a limit; count nothing."""
        await self._apply(principal, self._wait)

    async def admit(self, principal: str) -> None:
        """Count a request that is within all limits; raises `RateLimited` like `check`.

        A request that one limit refuses is counted by none.
        """
        await self.check(principal)
        await self._apply(principal, self._count)

    async def _apply(
        self, principal: str, step: Callable[[Limit, str], Awaitable[float | None]]
    ) -> None:
        """Call a step for each limit; raises `RateLimited` if one returns seconds to wait."""
        for limit in sorted(self._limits, key=lambda limit: limit.what, reverse=True):
            try:
                async with asyncio.timeout(COUNT_TIMEOUT):
                    wait = await step(limit, principal)
            except Exception:
                logger.exception("rates: cannot be counted; the request passes")
                return
            if wait is not None:
                amount, unit = limit.item.amount, limit.item.GRANULARITY.name
                raise RateLimited(
                    f"Rate limit exceeded: {amount} {limit.what} per {unit}. "
                    f"Retry in {math.ceil(wait)} s.",
                    retry_after=wait,
                )

    async def _wait(self, limit: Limit, principal: str) -> float | None:
        """Return the seconds until a principal is within a limit again; None if it is within the
        limit now."""
        window = self._tokens if limit.what == "tokens" else self._requests
        keys = (limit.what, principal)
        if await window.test(limit.item, *keys):
            return None
        reset = (await window.get_window_stats(limit.item, *keys)).reset_time
        return max(1.0, reset - time.time())

    async def _count(self, limit: Limit, principal: str) -> float | None:
        """Count a request; return what `_wait` returns if others took the rest at the same
        moment."""
        if limit.what == "tokens" or await self._requests.hit(limit.item, limit.what, principal):
            return None
        return await self._wait(limit, principal) or 1.0

    async def record_tokens(self, principal: str, tokens: int) -> None:
        """Add the tokens of a run that has ended to its principal's count; never raises."""
        for limit in self._limits:
            if limit.what == "tokens" and tokens > 0:
                try:
                    async with asyncio.timeout(COUNT_TIMEOUT):
                        await self._tokens.hit(limit.item, limit.what, principal, cost=tokens)
                except Exception:
                    logger.exception("rates: %d tokens of a run are not counted", tokens)
