"""What the SQLite journal asks of its file: each function works within one transaction."""

import json
import sqlite3
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from ....models.chat import StreamingChunk
from ..journal import FOLLOWED_TTL, Entry, Group, RunRecord
from .owners import Owners
from .sqlite_file import MEBIBYTE

#: Bytes that a group takes beside its entries.
ROW = 40

#: Bytes, runs and pages that a sweep removes before it lets the next group be written.
SWEPT_BYTES, SWEPT_RUNS, SWEPT_PAGES = 16 * MEBIBYTE, 100, 4096

# As JSON and not smaller: whatever a door can send can be kept, numbers of any size included.
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[float, StreamingChunk]]).decode
_decode_record = msgspec.json.Decoder(RunRecord).decode


class State(NamedTuple):
    run_id: str
    seq: int
    owner: str
    base: int
    last: int
    size: int
    ended_at: float | None


def states(db: sqlite3.Connection, run_ids: Collection[str]) -> dict[str, State]:
    rows = db.execute(
        "SELECT run_id, seq, owner, base, last, size, ended_at FROM runs"
        " WHERE run_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(run_ids)),),
    )
    return {row[0]: State(*row) for row in rows}


def create(db: sqlite3.Connection, records: Sequence[RunRecord]) -> int:
    """Make runs known; how many of them were not yet."""
    count = 0
    for record in records:
        data = _encode(record)
        made = db.execute(
            "INSERT OR IGNORE INTO runs"
            " (run_id, conversation_id, principal, owner, size, written_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                record.run_id,
                record.conversation_id,
                record.principal,
                record.owner,
                len(data),
                time.time(),
            ),
        )
        if made.rowcount:
            db.execute("INSERT INTO records VALUES (?, ?)", (made.lastrowid, data))
            count += 1
    return count


def append(db: sqlite3.Connection, groups: Sequence[Group], run_bytes: int) -> list[str]:
    run_ids = [group.record.run_id for group in groups]
    known = states(db, run_ids)
    if new := [group.record for group in groups if group.record.run_id not in known]:
        create(db, new)
        known = states(db, run_ids)
    lost: list[str] = []
    rows: list[tuple[int, int, bytes]] = []
    reached: list[tuple[int, int, float, int]] = []
    ended: list[tuple[float, int]] = []
    too_large: list[tuple[int, int]] = []
    now = time.time()
    for group in groups:
        run_id, seq, owner, _, last, size, ended_at = known[group.record.run_id]
        more = group.last > last
        if owner != group.record.owner or (more and ended_at is not None):
            lost.append(run_id)
        elif more:
            if group.first > last + 1:
                size -= _drop_head(db, seq, group.first - 1)
                last = group.first - 1
            if entries := group.entries[last + 1 - group.first :]:
                data = _encode(entries)
                rows.append((seq, group.last, data))
                size += len(data) + ROW
            reached.append((group.last, size, now, seq))
            if group.ended:
                ended.append((now, seq))
            if size > run_bytes:
                too_large.append((seq, size - run_bytes))
    db.executemany("INSERT INTO groups VALUES (?, ?, ?)", rows)
    db.executemany("UPDATE runs SET last = ?, size = ?, written_at = ? WHERE seq = ?", reached)
    db.executemany("UPDATE runs SET ended_at = ?, asked = 0 WHERE seq = ?", ended)
    for seq, excess in too_large:
        _trim_head(db, seq, excess)
    return lost


def _drop_head(db: sqlite3.Connection, seq: int, base: int) -> int:
    """Remove all groups of a run up to a number, which becomes its base; returns bytes freed."""
    freed: int = db.execute(
        "SELECT ifnull(sum(length(data) + ?), 0) FROM groups WHERE run = ? AND last <= ?",
        (ROW, seq, base),
    ).fetchone()[0]
    db.execute("DELETE FROM groups WHERE run = ? AND last <= ?", (seq, base))
    db.execute("UPDATE runs SET base = ?, size = size - ? WHERE seq = ?", (base, freed, seq))
    return freed


def _trim_head(db: sqlite3.Connection, seq: int, excess: int) -> int:
    """Remove the oldest groups until `excess` bytes are free, but never the newest one."""
    freed = base = 0
    for last, size in db.execute(
        "SELECT last, length(data) + ? FROM groups WHERE run = ?"
        " AND last < (SELECT last FROM runs WHERE seq = ?) ORDER BY last",
        (ROW, seq, seq),
    ):
        if freed >= excess:
            break
        freed += size
        base = last
    return _drop_head(db, seq, base) if base else 0


def record(db: sqlite3.Connection, run_id: str) -> RunRecord | None:
    row = db.execute(
        "SELECT data, owner FROM runs JOIN records ON run = seq WHERE run_id = ?", (run_id,)
    ).fetchone()
    return _with_owner(*row) if row else None


def _with_owner(data: bytes, owner: str) -> RunRecord:
    return msgspec.structs.replace(_decode_record(data), owner=owner)


def read(
    db: sqlite3.Connection, run_id: str, after: int, limit: int
) -> tuple[int | None, list[Entry]]:
    """A run's base, None for an unknown run; and a page of its entries."""
    run = db.execute("SELECT seq, base FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if run is None:
        return None, []
    seq, base = run
    entries: list[Entry] = []
    for last, data in db.execute(
        "SELECT last, data FROM groups WHERE run = ? AND last > ? ORDER BY last", (seq, after)
    ):
        group = _decode(data)
        entries += group[max(0, after - (last - len(group))) :]
        if len(entries) >= limit:
            break
    return base, entries[:limit]


def _total(db: sqlite3.Connection) -> int:
    # Two sums, each from an index that holds only such runs.
    ended, live = (
        db.execute(f"SELECT ifnull(sum(size), 0) FROM runs WHERE ended_at IS {kind}").fetchone()[0]
        for kind in ("NOT NULL", "NULL")
    )
    return int(ended + live)


def remove_ended(db: sqlite3.Connection, retention: float, total_bytes: int) -> bool:
    """Remove some of the ended runs that must go; returns whether there may be more of them."""
    excess = _total(db) - total_bytes
    horizon = time.time() - retention
    gone: list[int] = []
    freed = 0
    for seq, size, ended_at in db.execute(
        "SELECT seq, size, ended_at FROM runs WHERE ended_at IS NOT NULL ORDER BY ended_at LIMIT ?",
        (SWEPT_RUNS,),
    ):
        if (ended_at >= horizon and freed >= excess) or freed > SWEPT_BYTES:
            break
        gone.append(seq)
        freed += size
    seqs = (json.dumps(gone),)
    for table, key in (("groups", "run"), ("records", "run"), ("runs", "seq")):
        db.execute(f"DELETE FROM {table} WHERE {key} IN (SELECT value FROM json_each(?))", seqs)
    return bool(gone)


def trim_live(db: sqlite3.Connection, total_bytes: int) -> None:
    excess = _total(db) - total_bytes
    if excess <= 0:
        return
    live = db.execute("SELECT seq FROM runs WHERE ended_at IS NULL ORDER BY written_at, seq")
    for (seq,) in live.fetchall():
        if excess <= 0:
            return
        excess -= _trim_head(db, seq, excess)


def shrink(db: sqlite3.Connection) -> None:
    """Give pages back to the disk, if there are more than will soon be filled again."""
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    free = db.execute("PRAGMA freelist_count").fetchone()[0]
    if free > pages // 4:
        for _ in range(min(free, SWEPT_PAGES)):
            db.execute("PRAGMA incremental_vacuum(1)")  # `sqlite3` takes one step of it, no more


def dead_owners(db: sqlite3.Connection, owner: str, owners: Owners) -> list[str]:
    # The runs first: who has one was there before it.
    rows = db.execute(
        "SELECT DISTINCT owner FROM runs WHERE ended_at IS NULL AND owner != ?", (owner,)
    ).fetchall()
    return [other for (other,) in rows if not owners.lives(other)]


def adopt_orphans(db: sqlite3.Connection, owner: str, dead: Sequence[str]) -> list[RunRecord]:
    rows = db.execute(
        "SELECT seq, data FROM runs JOIN records ON run = seq WHERE ended_at IS NULL"
        " AND owner IN (SELECT value FROM json_each(?)) ORDER BY seq",
        (json.dumps(dead),),
    ).fetchall()
    db.executemany("UPDATE runs SET owner = ? WHERE seq = ?", [(owner, seq) for seq, _ in rows])
    return [_with_owner(data, owner) for _, data in rows]


def runs_before(db: sqlite3.Connection, record: RunRecord) -> list[str]:
    rows = db.execute(
        "SELECT run_id FROM runs WHERE ended_at IS NULL AND conversation_id = ? AND principal = ?"
        " AND owner != ?"
        " AND seq < ifnull((SELECT seq FROM runs WHERE run_id = ?), seq + 1) ORDER BY seq",
        (record.conversation_id, record.principal, record.owner, record.run_id),
    )
    return [run_id for (run_id,) in rows]


def list_active(db: sqlite3.Connection, principal: str) -> list[RunRecord]:
    rows = db.execute(
        "SELECT data, owner FROM runs JOIN records ON run = seq"
        " WHERE ended_at IS NULL AND principal = ? ORDER BY seq",
        (principal,),
    )
    return [_with_owner(*row) for row in rows]


def request_cancel(db: sqlite3.Connection, run_id: str) -> None:
    db.execute("UPDATE runs SET asked = 1 WHERE run_id = ? AND ended_at IS NULL", (run_id,))


def cancel_requests(db: sqlite3.Connection, owner: str) -> list[str]:
    rows = db.execute("SELECT run_id FROM runs WHERE asked AND owner = ? ORDER BY seq", (owner,))
    return [run_id for (run_id,) in rows]


def take_cancel_requests(db: sqlite3.Connection, owner: str) -> list[str]:
    runs = cancel_requests(db, owner)
    db.execute("UPDATE runs SET asked = 0 WHERE asked AND owner = ?", (owner,))
    return runs


def mark_followed(db: sqlite3.Connection, run_ids: Collection[str]) -> None:
    db.execute(
        "UPDATE runs SET watched_until = ? WHERE run_id IN (SELECT value FROM json_each(?))",
        (time.time() + FOLLOWED_TTL, json.dumps(list(run_ids))),
    )


def is_followed(db: sqlite3.Connection, run_id: str) -> bool:
    row = db.execute("SELECT watched_until FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    return row is not None and row[0] > time.time()
