"""What the SQLite journal removes, and when; each function is called in a transaction."""

import json
import sqlite3
import time

import msgspec

from ..journal import MEBIBYTE, RunRecord
from .sqlite_pauses import WAITS

_decode_record = msgspec.json.Decoder(RunRecord).decode

#: Bytes that a group takes in the file besides its entries.
GROUP_OVERHEAD = 40

#: Bytes, runs and pages that one step of a sweep removes; the next write waits for one step.
SWEEP_BYTES, SWEEP_RUNS, SWEEP_PAGES = 16 * MEBIBYTE, 100, 4096


def drop_head(db: sqlite3.Connection, seq: int, base: int) -> int:
    """Remove the groups of a run up to entry number `base`, and return the number of bytes
    freed."""
    freed: int = db.execute(
        "SELECT ifnull(sum(length(data) + ?), 0) FROM groups WHERE run = ? AND last <= ?",
        (GROUP_OVERHEAD, seq, base),
    ).fetchone()[0]
    db.execute("DELETE FROM groups WHERE run = ? AND last <= ?", (seq, base))
    db.execute("UPDATE runs SET base = ?, size = size - ? WHERE seq = ?", (base, freed, seq))
    return freed


def trim_head(db: sqlite3.Connection, seq: int, excess: int) -> int:
    """Remove the oldest groups of a run until `excess` bytes are freed, but never the newest group.

    Returns the number of bytes freed.
    """
    freed = base = 0
    for last, size in db.execute(
        "SELECT last, length(data) + ? FROM groups WHERE run = ?"
        " AND last < (SELECT last FROM runs WHERE seq = ?) ORDER BY last",
        (GROUP_OVERHEAD, seq, seq),
    ):
        if freed >= excess:
            break
        freed += size
        base = last
    return drop_head(db, seq, base) if base else 0


def _total(db: sqlite3.Connection) -> int:
    # Two sums, each from an index that holds only such runs.
    ended, live = (
        db.execute(f"SELECT ifnull(sum(size), 0) FROM runs WHERE ended_at IS {kind}").fetchone()[0]
        for kind in ("NOT NULL", "NULL")
    )
    return int(ended + live)


def remove_ended(
    db: sqlite3.Connection, retention: float, pause_retention: float, total_bytes: int
) -> bool:
    """Remove some runs that ended `retention` seconds ago or exceed `total_bytes`, oldest first.

    Paused runs stay for `pause_retention` seconds. Returns True if runs were removed, and more of
    them may be left.
    """
    excess = _total(db) - total_bytes
    horizon = time.time() - retention
    gone: list[int] = []
    freed = 0
    for seq, size, ended_at in db.execute(
        f"SELECT seq, size, ended_at FROM runs WHERE ended_at IS NOT NULL AND NOT {WAITS}"
        " ORDER BY ended_at LIMIT ?",
        (time.time() - pause_retention, SWEEP_RUNS),
    ):
        if (ended_at >= horizon and freed >= excess) or freed > SWEEP_BYTES:
            break
        gone.append(seq)
        freed += size
    _remove(db, gone)
    return bool(gone)


def remove_conversation(
    db: sqlite3.Connection, principal: str, conversation_id: str, user: str | None
) -> None:
    """Remove the ended runs of a conversation."""
    rows = db.execute(
        "SELECT seq, data FROM runs JOIN records ON run = seq"
        " WHERE ended_at IS NOT NULL AND conversation_id = ? AND principal = ?",
        (conversation_id, principal),
    )
    _remove(db, [seq for seq, data in rows if _decode_record(data).user == user])


def delete(db: sqlite3.Connection, run_id: str) -> None:
    """Remove a run that has ended."""
    found = db.execute(
        "SELECT seq FROM runs WHERE run_id = ? AND ended_at IS NOT NULL", (run_id,)
    ).fetchall()
    _remove(db, [seq for (seq,) in found])


def _remove(db: sqlite3.Connection, gone: list[int]) -> None:
    seqs = (json.dumps(gone),)
    for table, key in (
        *(("groups", "run"), ("records", "run"), ("paused", "run"), ("checkpoints", "run")),
        ("runs", "seq"),
    ):
        db.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT value FROM json_each(?))", seqs)


def trim_live(db: sqlite3.Connection, total_bytes: int) -> None:
    """Remove the oldest groups of active and paused runs until all runs together take at most
    `total_bytes`.

    Runs that were written to longest ago come first.
    """
    excess = _total(db) - total_bytes
    if excess <= 0:
        return
    live = db.execute(
        f"SELECT seq FROM runs WHERE ended_at IS NULL OR {WAITS} ORDER BY written_at, seq", (0.0,)
    )
    for (seq,) in live.fetchall():
        if excess <= 0:
            return
        excess -= trim_head(db, seq, excess)


def shrink(db: sqlite3.Connection) -> None:
    """Return free pages of the file to the disk, if more than a quarter of its pages are free."""
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    free = db.execute("PRAGMA freelist_count").fetchone()[0]
    if free > pages // 4:
        for _ in range(min(free, SWEEP_PAGES)):
            db.execute("PRAGMA incremental_vacuum(1)")  # `sqlite3` runs one step at a call
