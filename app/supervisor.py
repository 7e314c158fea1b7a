"""The supervisor of several workers: uvicorn's, but for its end.

See docs/decisions/030-the-signal-is-heard-before-uvicorn.md.
"""

import gc
import os
import signal
import sys
from socket import socket
from types import FrameType

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

STOP = (signal.SIGTERM, signal.SIGINT)


class Supervisor(Multiprocess):
    """Passes each stop signal on to its workers at once, also the second one.

    uvicorn's hears a signal only between two looks at its workers, and such a look lasts as long as
    a worker that is busy takes to answer.
    """

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self._stopped: set[int | None] = set()  # workers, by their process ids
        if sys.platform != "win32":  # where no signal can be passed on
            for number in STOP:
                signal.signal(number, self._receive)

    def serve(self) -> int:
        """Run until a stop signal; the exit code."""
        self.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in self.processes)
        gc.freeze()  # at the exit Python would search the modules of the app for garbage, for 1 s
        return STARTUP_FAILURE if failed else 0

    def terminate_all(self) -> None:
        # The workers have copies of the listener. With this one open, too, clients would still
        # connect when no worker is left that accepts.
        for listener in self.sockets:
            listener.close()
        for process in self.processes:
            if process.pid not in self._stopped:  # a second signal would cut its runs
                process.terminate()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal_queue.append(number)  # ends `run`
        for process in self.processes:
            if process.pid is not None and process.process.is_alive():
                self._stopped.add(process.pid)
                os.kill(process.pid, number)
