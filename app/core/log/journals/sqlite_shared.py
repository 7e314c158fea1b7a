"""The SQLite journal's queries on other processes; each is called in a transaction."""

import json
import sqlite3
import time
from collections.abc import Collection, Sequence

from ..journal import FOLLOWED_TTL, RunRecord
from .owners import Owners
from .sqlite_queries import with_owner


def dead_owners(db: sqlite3.Connection, owner: str, owners: Owners) -> list[str]:
    """Return the names of dead processes, other than `owner`, that still own active runs."""
    # Runs first: an owner took its lock before it had a run.
    rows = db.execute(
        "SELECT DISTINCT owner FROM runs WHERE ended_at IS NULL AND owner != ?", (owner,)
    ).fetchall()
    return [other for (other,) in rows if not owners.lives(other)]


def adopt_orphans(
    db: sqlite3.Connection, owner: str, dead: Sequence[str], limit: int
) -> list[RunRecord]:
    """Make `owner` the owner of the oldest active runs of the dead processes, at most `limit`, and
    return their records."""
    rows = db.execute(
        "SELECT seq, data FROM runs JOIN records ON run = seq WHERE ended_at IS NULL"
        " AND owner IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
        (json.dumps(dead), limit),
    ).fetchall()
    db.executemany("UPDATE runs SET owner = ? WHERE seq = ?", [(owner, seq) for seq, _ in rows])
    return [with_owner(data, owner) for _, data in rows]


def runs_before(db: sqlite3.Connection, record: RunRecord) -> list[str]:
    """Return the active runs of other processes that come before a run (see
    `Membership.runs_before`)."""
    rows = db.execute(
        "SELECT run_id FROM runs WHERE ended_at IS NULL AND conversation_id = ? AND principal = ?"
        " AND owner != ?"
        " AND seq < ifnull((SELECT seq FROM runs WHERE run_id = ?), seq + 1) ORDER BY seq",
        (record.conversation_id, record.principal, record.owner, record.run_id),
    )
    return [run_id for (run_id,) in rows]


def list_active(db: sqlite3.Connection, principal: str) -> list[RunRecord]:
    """Return the records of a principal's active runs in all processes, oldest first."""
    rows = db.execute(
        "SELECT data, owner FROM runs JOIN records ON run = seq"
        " WHERE ended_at IS NULL AND principal = ? ORDER BY seq",
        (principal,),
    )
    return [with_owner(*row) for row in rows]


def request_cancel(db: sqlite3.Connection, run_id: str) -> None:
    """Mark an active run, for its owner to cancel it."""
    db.execute("UPDATE runs SET asked = 1 WHERE run_id = ? AND ended_at IS NULL", (run_id,))


def cancel_requests(db: sqlite3.Connection, owner: str) -> list[str]:
    """Return the ids of an owner's runs that are marked to be cancelled."""
    rows = db.execute("SELECT run_id FROM runs WHERE asked AND owner = ? ORDER BY seq", (owner,))
    return [run_id for (run_id,) in rows]


def take_cancel_requests(db: sqlite3.Connection, owner: str) -> list[str]:
    """Return the ids of an owner's runs that are marked to be cancelled, and remove the marks."""
    runs = cancel_requests(db, owner)
    db.execute("UPDATE runs SET asked = 0 WHERE asked AND owner = ?", (owner,))
    return runs


def mark_followed(db: sqlite3.Connection, run_ids: Collection[str]) -> None:
    """Note, for `FOLLOWED_TTL` seconds, that these runs have readers at another process."""
    db.execute(
        "UPDATE runs SET watched_until = ? WHERE run_id IN (SELECT value FROM json_each(?))",
        (time.time() + FOLLOWED_TTL, json.dumps(list(run_ids))),
    )


def is_followed(db: sqlite3.Connection, run_id: str) -> bool:
    """Return True if a run has readers at another process: a note of `mark_followed` is still
    valid."""
    row = db.execute("SELECT watched_until FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return row is not None and row[0] > time.time()


def keep_checkpoint(db: sqlite3.Connection, run_id: str, owner: str, data: str) -> bool:
    """Replace the checkpoint of an active run of an owner; returns False if it is none."""
    row = db.execute(
        "SELECT seq FROM runs WHERE run_id = ? AND owner = ? AND ended_at IS NULL", (run_id, owner)
    ).fetchone()
    if row is None:
        return False
    if data:
        db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (row[0], data))
    else:
        db.execute("DELETE FROM checkpoints WHERE run = ?", row)
    return True


def checkpoint(db: sqlite3.Connection, run_id: str) -> str:
    """The checkpoint of a run; empty if there is none."""
    row = db.execute(
        "SELECT data FROM checkpoints JOIN runs ON seq = run WHERE run_id = ?", (run_id,)
    ).fetchone()
    return str(row[0]) if row is not None else ""
