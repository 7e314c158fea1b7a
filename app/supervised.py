"""A worker ends when the process that supervises it has died."""

import logging
import os
import signal
import threading
import time

logger = logging.getLogger(__name__)

#: Seconds between two looks at the parent.
INTERVAL = 0.5


def end_with_parent() -> None:
    """Send SIGTERM to this process as soon as its parent is another one than now.

    A supervisor that was killed can neither stop its workers nor replace them, and they would keep
    its port. A thread looks, because the event loop runs only later.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(INTERVAL)
        logger.error("the process that supervises this worker has died; the worker ends")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
