"""The flow control of a connection whose bytes are held."""

from uvicorn.protocols.http.flow_control import FlowControl


class Flow(FlowControl):
    """Flow control that reads nothing from the connection while `holding`, also if the app resumes
    reading: the connection has bytes for later."""

    holding = False

    def resume_reading(self) -> None:
        if not self.holding:
            super().resume_reading()
