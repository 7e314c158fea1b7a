"""The flow control of a connection whose bytes are held."""

import asyncio

from uvicorn.protocols.http.flow_control import FlowControl

from ..core.waiting.flag import Flag


class Flow(FlowControl):
    """Flow control that reads nothing from the connection while `holding`, also if the app resumes
    reading: the connection has bytes for later."""

    __slots__ = ("_is_writable_event", "_transport", "holding", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        # uvicorn's own constructor, but for its event, which takes a kilobyte
        self._transport = transport
        self.read_paused = self.write_paused = self.holding = False
        self._is_writable_event = Flag()  # type: ignore[assignment]
        self._is_writable_event.set()

    def resume_reading(self) -> None:
        if not self.holding:
            super().resume_reading()
