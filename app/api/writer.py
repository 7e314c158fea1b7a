"""The writer of a streaming response: status, body, and an end that may be a broken connection."""

from collections.abc import Iterable
from enum import Enum

from starlette.types import Send

from ..core.log.follower import Traffic
from .heartbeat import Heartbeat


class State(Enum):
    """What a response has sent so far: HELD becomes OPEN with the first byte; either becomes
    BROKEN."""

    HELD = "nothing, so that an error can still have its own status"
    OPEN = "the status and a part of the body"
    BROKEN = "a body that must not look complete: the connection closes without its end"


class StreamWriter:
    """Sends the status and the body of one streaming response, and notifies `heartbeat` of each
    write."""

    __slots__ = ("_headers", "_heartbeat", "_send", "_traffic", "state")

    def __init__(
        self,
        send: Send,
        headers: Iterable[tuple[bytes, bytes]],
        heartbeat: Heartbeat,
        traffic: Traffic,
    ) -> None:
        self.state = State.HELD
        self._send = send
        self._headers = headers
        self._heartbeat = heartbeat
        self._traffic = traffic

    async def start(self) -> None:
        """Send status 200 and the headers, unless they have been sent."""
        if self.state is State.HELD:
            self.state = State.OPEN
            headers, self._headers = self._headers, ()
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(self, body: bytes) -> None:
        """Send a part of the body, and the status before the first part; send nothing if it is
        empty."""
        if not body:
            return
        if self.state is State.HELD:
            await self.start()
        self._heartbeat.write_began()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        self._heartbeat.write_ended()
        self._traffic.bytes += len(body)

    def break_off(self) -> None:
        """Make `finish` leave the body incomplete, so that the client notices that the answer has
        failed."""
        self.state = State.BROKEN

    async def finish(self) -> None:
        """Send the end of the body, unless `break_off` was called."""
        if self.state is not State.BROKEN:
            await self.start()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
