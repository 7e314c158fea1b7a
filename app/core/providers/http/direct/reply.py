"""The response to a request, read in the event loop's callbacks as its bytes arrive.

No task is woken for a token: the reader's text goes to the run's log in the call in which the
socket was read.

See docs/decisions/082-what-a-token-passes-has-slots.md.
"""

import asyncio
import contextvars
from collections.abc import Callable
from time import perf_counter

import httpx2

from ....access.turnstile import turnstile
from ....waiting.pause import after, pausing
from ....waiting.wheel import Timer, wheel
from ...wire.reader import Reader
from ..bounds import DRAIN, GRACE, LIGHT, MOST_UNREAD, OFTEN, REFUSAL, SLICE, SMALL
from ..exchange import Exchange
from .connection import Connection, Headers
from .failures import Untouched
from .silence import Silence


class Reply:
    """A response, whose body goes to the reader that `begin` makes for its head; None reads none.

    The calls of the reader have the context of the task that made the reply. `status` and
    `headers` are those of the response once `started` returns; `raw` is its body without a reader.
    """

    __slots__ = (
        *("status", "headers", "raw", "_exchange", "_begin", "_loop", "_context", "_connection"),
        *("_stile", "_reader", "_out", "_waiter", "_rest", "_waiting", "_ended", "_over", "_error"),
        *("_silence", "_grace", "_run", "_parts"),
    )

    def __init__(
        self,
        exchange: Exchange,
        begin: Callable[[int, Headers], Reader | Untouched | None],
        timeout: float | None,
    ) -> None:
        self.status = 0
        self.headers: Headers = []
        self.raw = bytearray()
        self._exchange = exchange
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._stile = turnstile()
        self._context = contextvars.copy_context()
        self._run = pausing()
        self._connection: Connection | None = None
        self._reader: Reader | Untouched | None = None
        self._out: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._rest: list[bytes] = []  # what the reader has not yet had, while `_waiting`
        self._waiting = False  # other tasks have their turn
        self._ended = self._over = False  # no more of the body will come; nothing will
        self._error: BaseException | None = None
        self._grace: Timer | None = None
        self._silence = None if timeout is None else Silence(timeout, self._unsent, self._expired)
        self._parts = 0

    def send(self, connection: Connection, request: bytes) -> None:
        self._connection = connection
        connection.send(request, self)

    async def started(self) -> None:
        """Wait for the head; raises what the connection failed with."""
        while not self.status and not self._over:
            await self._next()
        if not self.status and self._error is not None:
            raise self._error

    async def whole(self) -> bytes:
        """The beginning of a body without a reader."""
        while not self._over:
            await self._next()
        return bytes(self.raw)

    async def more(self) -> bytes:
        """What the reader writes next for the SDK; nothing at the end. Raises what failed."""
        while not self._out and not self._over:
            await self._next()
        if not self._out and self._error is not None:
            raise self._error
        out, self._out = b"".join(self._out), []
        if self._connection is not None and not self._waiting:
            self._connection.resume()
        return out

    def close(self, error: Exception | None = None) -> None:
        """Read no further. The connection is closed unless the response has ended."""
        self._settle(error)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def drop(self) -> None:
        """`close`, from anywhere."""
        if not self._over and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.close)

    def _next(self) -> asyncio.Future[None]:
        """Done when there is more to look at: one task waits at a time."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _settle(self, error: BaseException | None) -> None:
        self._over, self._error = True, self._error if self._over else error
        for timer in (self._silence, self._grace):
            if timer is not None:
                timer.cancel()
        self._silence = self._grace = None
        self._wake()

    def head(self, status: int, headers: Headers) -> None:
        if self._silence is not None:
            self._silence.heard = self._loop.time()
        self.status, self.headers = status, headers
        self._reader = self._begin(status, headers)
        del self._begin  # and what it holds: a response has one head
        self._wake()

    def body(self, data: bytes) -> None:
        if self._silence is not None:
            self._silence.heard = self._loop.time()
        self._parts += 1
        if self._over:
            return
        if self._reader is None:
            self.raw += data
            if len(self.raw) > REFUSAL:
                self.close()
        elif self._waiting:
            self._rest.append(data)
        elif len(data) > LIGHT or not self._parts % OFTEN:
            self._read(data)
        elif self._context.run(self._feed, data):  # a token, which is not worth counting
            self._finish()

    def end(self) -> None:
        self._connection = None
        self._ended = True
        if not self._waiting:
            self._finish()

    def broke(self, error: Exception) -> None:
        self._connection = None
        if self._rest:
            rest, self._rest = self._rest, []
            self._context.run(self._feed, b"".join(rest))
        if self._over:
            return
        if self._reader is not None and self._reader.ended:
            self._finish()  # what is lost is not of the answer
        elif self._reader is not None:
            self._context.run(self._reader.break_off)
        self._settle(error)

    def _read(self, data: bytes, *, served: bool = False) -> None:
        """Give data to the reader, in slices that are counted as heavy work. A provider that sends
        without a pause waits for its turn, which it has if it is `served`."""
        place, size = 0, len(data) if len(data) <= SMALL else SLICE
        while place < len(data):
            if not served and ((seconds := self._run.pause()) or self._stile.crowded(makes=True)):
                if self._connection is not None:
                    self._connection.pause()
                self._rest.append(data[place:])
                self._waiting = True
                after(seconds, lambda: self._stile.call(self._go_on, makes=True))
                return
            served = False
            began = perf_counter()
            complete = self._context.run(self._feed, data[place : place + size])
            self._stile.spend(perf_counter() - began)
            place += size
            if complete:
                self._finish()
            if self._over:
                return

    def _go_on(self) -> bool:
        """Read what waits, and let the provider send again when there is nothing left; False if
        there was nothing."""
        self._waiting = False
        data = b"" if self._over else b"".join(self._rest)
        self._rest = []
        if self._silence is not None:
            self._silence.heard = self._loop.time()
        if data:
            self._read(data, served=True)
        if self._over or self._waiting:
            return bool(data)
        if self._ended:
            self._finish()
        elif self._connection is not None:
            self._connection.resume()
        return bool(data)

    def _feed(self, data: bytes) -> bool:
        """Give data to the reader, in the context of the reply; True if that was all it reads."""
        reader = self._reader
        assert reader is not None
        moves = reader.moves
        try:
            out = reader.feed(data)
            if reader.moves != moves:
                self._exchange.on_alive()
        except Exception as error:  # of the run: it is its own, and raised in its task
            self.close(error)
            return False
        if out:
            self._out.append(out)
            self._wake()
            if len(self._out) > MOST_UNREAD and self._connection is not None:
                self._connection.pause()
        if reader.ended and not reader.complete and self._grace is None and not self._over:
            self._grace = wheel().call_later(GRACE, self._finish)
        return reader.complete

    def _finish(self) -> None:
        """End the answer; only what keeps the connection from its next request may follow."""
        if self._over:
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.let_go(DRAIN)
        try:
            if self._reader is not None and (out := self._context.run(self._reader.close)):
                self._out.append(out)
        except Exception as error:
            self._settle(error)
        self._settle(None)

    def _unsent(self) -> int:
        return 0 if self._connection is None else self._connection.unsent

    def _expired(self) -> None:
        if self._reader is not None and self._reader.ended:
            self._finish()  # within the grace
        else:
            self.close(httpx2.ReadTimeout("The provider sent nothing."))
