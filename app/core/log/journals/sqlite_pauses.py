"""The SQLite journal's queries on paused runs; each is called in a transaction."""

import sqlite3
import time

#: Paused runs, and which run continues each. A table of its own, so that older files need no
#: change of what they have.
TABLE = """
CREATE TABLE IF NOT EXISTS paused (
    run INTEGER PRIMARY KEY,
    principal TEXT NOT NULL,
    since REAL NOT NULL,
    continued TEXT
)"""

#: The condition that a row of `runs` waits for a person, and so is kept.
WAITS = "EXISTS (SELECT 1 FROM paused WHERE run = seq AND continued IS NULL AND since >= ?)"


def pause(db: sqlite3.Connection, seq: int, principal: str) -> None:
    """Note that a run has ended, and waits for a person."""
    db.execute(
        "INSERT OR IGNORE INTO paused (run, principal, since) VALUES (?, ?, ?)",
        (seq, principal, time.time()),
    )


def claim(db: sqlite3.Connection, run_id: str, by: str) -> bool:
    """Note that the run `by` continues a paused one; returns False if it does not wait, or if
    another run continues it. From now on it is kept as other ended runs are."""
    found = db.execute(
        "SELECT seq, continued FROM runs JOIN paused ON run = seq WHERE run_id = ?", (run_id,)
    ).fetchone()
    if found is None or found[1] not in (None, by):
        return False
    db.execute("UPDATE paused SET continued = ? WHERE run = ?", (by, found[0]))
    db.execute("UPDATE runs SET ended_at = ? WHERE seq = ?", (time.time(), found[0]))
    return True


def list_paused(db: sqlite3.Connection, principal: str | None) -> list[tuple[bytes, str]]:
    """The encoded records and the owners of the paused runs that no run continues, oldest first."""
    return db.execute(
        "SELECT records.data, runs.owner FROM paused JOIN runs ON seq = paused.run"
        " JOIN records ON records.run = seq"
        " WHERE continued IS NULL AND (?1 IS NULL OR paused.principal = ?1) ORDER BY seq",
        (principal,),
    ).fetchall()


def continued_by(db: sqlite3.Connection, run_id: str) -> str | None:
    """The run that continues a paused one, if there is one."""
    row = db.execute(
        "SELECT continued FROM paused JOIN runs ON seq = run WHERE run_id = ?", (run_id,)
    ).fetchone()
    return row[0] if row else None
