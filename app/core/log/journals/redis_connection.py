"""The connections of the Redis journal, and the scripts that it runs through them."""

from collections.abc import Awaitable
from typing import Any, cast
from urllib.parse import quote

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, NoScriptError

from ...addresses import shown
from ...errors import ConfigurationError
from ..journal import RunRecord

#: The beginning of each key, so that other programs may use the same Redis.
KEY_PREFIX = "agno-stream:"

#: Seconds that a command may take, and opening a connection.
CALL_TIMEOUT = 2.0

#: Commands at the same time; more of them wait for `CALL_TIMEOUT`.
MAX_CONNECTIONS = 16


class Connection:
    """A pool of connections to the Redis at an address; no call is retried.

    `address` is the address without its password. Raises `ConfigurationError` if the address cannot
    be parsed.
    """

    def __init__(self, url: str) -> None:
        self._hashes: dict[str, str] = {}  # of scripts, by their text
        try:
            self.address = shown(url)
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=MAX_CONNECTIONS,
                timeout=CALL_TIMEOUT,
                socket_timeout=CALL_TIMEOUT,
                socket_connect_timeout=CALL_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            # Its message may contain a part of the password.
            message = "JOURNAL_URL: not an address; redis://[user:password@]host[:port][/database]"
            raise ConfigurationError(message) from None
        self.client = Redis.from_pool(pool)

    async def uptime(self) -> float:
        """Return the seconds since Redis was started; 0 if the Redis user lacks the permission to
        know."""
        try:
            return float((await self.client.info("server"))["uptime_in_seconds"])
        except NoPermissionError:
            return 0

    async def run(self, script: str, *arguments: str | bytes | float) -> Any:
        """Run a Lua script in Redis and return its result.

        The script is called by its hash, or by its text if Redis has lost the script in a restart.
        """
        if (name := self._hashes.get(script)) is None:
            name = self._hashes[script] = await self.client.script_load(script)
        try:
            return await result(self.client.evalsha(name, 0, KEY_PREFIX, *arguments))
        except NoScriptError:
            return await result(self.client.eval(script, 0, KEY_PREFIX, *arguments))

    async def close(self) -> None:
        await self.client.aclose()


def result(call: Awaitable[Any] | Any) -> Awaitable[Any]:
    """Return a redis-py command as the awaitable that it is; redis-py's type also fits its other
    client."""
    return cast("Awaitable[Any]", call)


def milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def queue_key(record: RunRecord) -> str:
    """Return the key of the queue of a run's conversation."""
    return f"{KEY_PREFIX}queue:{quote(record.principal, safe='')}:{record.conversation_id}"
