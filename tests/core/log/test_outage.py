"""What the log says of a journal that cannot be written, and how hard it is tried."""

import logging
import sqlite3

import pytest
import redis.exceptions

from app.core.log.outage import Outage
from app.core.log.reading import JournalReplaced

#: Errors of stores, and the words of the line.
OF_STORES: list[tuple[Exception, str]] = [
    (TimeoutError(), "TimeoutError"),
    (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    (OSError(28, "No space left on device"), "No space left"),
    (redis.exceptions.TimeoutError("Timeout reading from redis"), "Timeout reading"),
    (redis.exceptions.ConnectionError("Error 111 connecting"), "ConnectionError: Error 111"),
    (redis.exceptions.OutOfMemoryError("command not allowed\nwhen used"), "command not allowed"),
    (sqlite3.OperationalError("database is locked"), "OperationalError: database is locked"),
    (JournalReplaced("runs.db was removed or replaced"), "was removed or replaced"),
]


@pytest.mark.parametrize(("error", "said"), OF_STORES)
def test_a_store_that_fails_is_one_line(
    caplog: pytest.LogCaptureFixture, error: Exception, said: str
) -> None:
    """A store that is away, full or late says so in one line, once, and has no traceback."""
    outage = Outage(0.05)
    outage.failed(error)
    outage.failed(error)
    (line,) = caplog.records
    assert logging.ERROR == line.levelno
    assert said in line.getMessage()
    assert "\n" not in line.getMessage()
    assert not line.exc_info
    assert 2 == outage.failures


def test_a_mistake_of_the_server_has_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """An error that is no store's can be found in the code."""
    Outage(0.05).failed(ZeroDivisionError("division by zero"))
    (line,) = caplog.records
    assert line.exc_info
