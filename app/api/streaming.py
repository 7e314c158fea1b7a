"""The response that carries a run to one reader as it comes, in any protocol.

See docs/decisions/020-a-heartbeat-is-a-comment-without-a-blank-line.md.
See docs/decisions/023-a-status-waits-for-one-heartbeat.md.
See docs/decisions/028-no-sse-starlette-in-the-path-of-a-token.md.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..core.errors import AgnoStreamError
from ..core.log.follower import Follower
from ..core.waiting.flag import Flag
from .connection import Connection, Direct
from .door import Refusal
from .encoding import Encoder
from .heartbeat import FIRST_HEARTBEAT, Heartbeat
from .pacer import Pacer
from .pump import Pump
from .reading import Reading, run_headers
from .steady import Steady
from .writer import StreamWriter

logger = logging.getLogger(__name__)


class RunStream(Response):
    """The HTTP response that follows a run and streams its entries in the format of `encoder`.

    When the reader leaves, or a write takes longer than the server allows (see `Connection`), the
    response ends, but the run continues. `heartbeat` is the interval of heartbeats in seconds. With
    `pace` the events are sent at the speed at which they were recorded. `refusal` makes the
    response if the run fails before the first byte and the encoder `defers_status`. With
    `takes_back` readers know what a recovery of the run makes void, or are told as far as
    `takes_back_to` says; see `Steady`.

    A token costs neither a task nor a timer: one task pumps entries, one waits for the disconnect,
    and one timer watches for silence, for the whole response.
    """

    def __init__(
        self,
        follower: Follower,
        encoder: Encoder,
        *,
        refusal: Refusal,
        heartbeat: float,
        headers: Mapping[str, str] | None = None,
        pace: bool = False,
        takes_back: bool = False,
        takes_back_to: Callable[[int], bool] | None = None,
    ) -> None:
        super().__init__(
            media_type=encoder.media_type,
            headers={
                **run_headers(follower.record),
                **(headers or {}),
                "Cache-Control": "no-store",
                "Incremental": "?1",  # for proxies (RFC 10036); the next is for nginx
                "X-Accel-Buffering": "no",
            },
        )
        del self.headers["content-length"]
        self._follower = follower
        self._encoder = encoder
        self._refusal = refusal
        self._interval = heartbeat
        self._pace = pace
        self._steady = None if takes_back else Steady(follower, takes_back_to)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = Connection.of(scope, receive, send)
        traffic = self._follower.traffic
        deadline = asyncio.timeout(None)
        heartbeat = self._timer(connection, deadline)
        writer = StreamWriter(send, self.raw_headers, heartbeat, traffic)
        refusal = None
        async with Reading(self._follower, receive, connection) as gone:
            traffic.streams += 1
            try:
                async with deadline:
                    if not self._encoder.defers_status:
                        await writer.start()
                        self._forget_headers()
                    pump = self._pump(writer, heartbeat, gone, connection.direct)
                    # A pump that is woken for each token has a task of its own: there are fewer
                    # coroutines to go through than in that of the request.
                    work = pump.run()
                    refusal = await (work if connection.direct else asyncio.create_task(work))
            except TimeoutError:
                if not deadline.expired():
                    raise
                logger.info("run %s: closed a stuck connection", self._follower.record.run_id)
                writer.break_off()
                connection.abort()
                await asyncio.sleep(0)  # lets the web server process the abort
            finally:
                traffic.streams -= 1
                heartbeat.stop()
        if refusal is not None:
            await refusal(scope, receive, send)
        else:
            await writer.finish()

    def _forget_headers(self) -> None:
        """Free the header fields, which were sent: a stream may stay open for hours."""
        self.raw_headers = []
        self.__dict__.pop("_headers", None)  # Starlette's cache

    def _timer(self, connection: Connection, deadline: asyncio.Timeout) -> Heartbeat:
        deferred = self._encoder.defers_status
        return Heartbeat(
            first=self._interval if deferred else min(FIRST_HEARTBEAT, self._interval),
            interval=self._interval,
            write_timeout=connection.write_timeout,
            wake=self._follower.poke,
            expire=lambda: deadline.reschedule(asyncio.get_running_loop().time()),
        )

    def _pump(
        self,
        writer: StreamWriter,
        heartbeat: Heartbeat,
        gone: Flag,
        direct: Direct | None,
    ) -> Pump:
        return Pump(
            self._follower,
            self._encoder,
            writer,
            heartbeat,
            gone,
            direct=direct,
            pacer=Pacer() if self._pace else None,
            steady=self._steady,
            refusal=self._refused,
        )

    def _refused(self, error: AgnoStreamError) -> Response:
        """Return the response to an error before the first byte, with this one's own headers."""
        own = {name: text for name, text in self.headers.items() if name[:2] == "x-"}
        return self._refusal(error, own)
