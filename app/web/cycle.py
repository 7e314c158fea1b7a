"""One request and its response, whose body may go to the socket without ASGI's messages.

See docs/decisions/077-an-append-writes-to-the-socket.md.
"""

from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class DirectCycle(RequestResponseCycle):
    """uvicorn's request and response, with what `app.api.connection.Direct` describes.

    The status and the end of a response go through ASGI's `send` in any case.
    """

    on_lost: Callable[[], None] | None = None

    @property
    def ready(self) -> bool:
        """Whether the response has begun in chunks, and its client is there and keeps up."""
        return not (
            self.flow.write_paused
            or self.disconnected
            or self.response_complete
            or not self.chunked_encoding  # as it is not to `HEAD`
            or self.transport.is_closing()
        )

    @property
    def clogged(self) -> bool:
        """Whether the client does not take what was sent."""
        return self.flow.write_paused and not self.disconnected

    async def drained(self) -> None:
        """Wait until the client has taken most of what was sent, or the connection is lost."""
        await self.flow.drain()

    def write(self, body: bytes) -> None:
        """Send a part of the body, which must not be empty."""
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))

    def watch(self, on_lost: Callable[[], None] | None) -> bool:
        """Call `on_lost` when the connection is lost; None ends that.

        The result is False if the connection has been lost, or if parts of the request are still
        to come, which somebody has to receive.
        """
        self.on_lost = on_lost
        if on_lost is None:
            return True
        self.flow.resume_reading()
        return not (self.disconnected or self.more_body)

    def lost(self) -> None:
        """Note that the connection is lost, before the response was complete."""
        self.disconnected = True
        self.message_event.set()
        if self.on_lost is not None:
            self.on_lost()
