"""The flow control of a connection whose bytes are held."""

from uvicorn.protocols.http.flow_control import FlowControl


class Flow(FlowControl):
    """Flow control in which reading stays paused while `holding`, whatever the app does."""

    holding = False

    def resume_reading(self) -> None:
        if not self.holding:
            super().resume_reading()
