"""The write-ahead log of a SQLite file, which lets others read while one process writes."""

import sqlite3
import time


def use_wal(db: sqlite3.Connection, timeout: float) -> None:
    """Let a file have a write-ahead log.

    While another process reads the file SQLite refuses that at once, without the wait that all
    other statements have: it is waited for here, at most `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchall()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
