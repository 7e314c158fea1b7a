"""The SQLite journal's queries on runs and entries; each is called in a transaction."""

import json
import sqlite3
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from ....models.chat import StreamingChunk
from ..journal import Entry, Group, RunRecord
from ..reading import PIECE
from .sqlite_pauses import claim, pause
from .sqlite_trim import GROUP_OVERHEAD, drop_head, trim_head

#: Bytes of rows that are decoded at once, at most, or one row.
READ_BYTES = 1 << 20

# JSON, although MessagePack is smaller: it can hold whatever a door sends, numbers of any size too.
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[float, StreamingChunk]]).decode
_decode_record = msgspec.json.Decoder(RunRecord).decode


class State(NamedTuple):
    """The row of a run. `ended_at` is Unix time in seconds; None while the run is active."""

    run_id: str
    seq: int
    owner: str
    base: int
    last: int
    size: int
    ended_at: float | None


def states(db: sqlite3.Connection, run_ids: Collection[str]) -> dict[str, State]:
    """Return the rows of these runs, by run id; unknown runs are left out."""
    rows = db.execute(
        "SELECT run_id, seq, owner, base, last, size, ended_at FROM runs"
        " WHERE run_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(run_ids)),),
    )
    return {row[0]: State(*row) for row in rows}


def create(db: sqlite3.Connection, records: Sequence[RunRecord]) -> int:
    """Store the records of runs, and return the number of runs that were new.

    A run that another run continues already is left out.
    """
    count = 0
    for record in records:
        if record.continues is not None and (
            states(db, [record.run_id]) or not claim(db, record.continues, record.run_id)
        ):
            continue
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
    """Write groups of entries (see `Log.append`), and trim runs that exceed `run_bytes`.

    Returns the ids of runs that have ended, or that another process has taken over.
    """
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
    recovered: list[tuple[bytes, int]] = []
    now = time.time()
    for group in groups:
        record, first, entries = group
        run_id, seq, owner, _, last, size, ended_at = known[record.run_id]
        newest = first + len(entries) - 1
        if owner != record.owner or (newest > last and ended_at is not None):
            lost.append(run_id)
        elif newest > last:
            if first > last + 1:
                size -= drop_head(db, seq, first - 1)
            elif first <= last:
                entries = entries[last + 1 - first :]
            if entries:
                added = _rows(seq, newest, entries)
                rows += added
                size += sum(len(data) + GROUP_OVERHEAD for _, _, data in added)
            reached.append((newest, size, now, seq))
            if record.recoveries and group.recovers:
                recovered.append((_encode(record), seq))
            if group.ended:
                ended.append((now, seq))
                if group.paused:
                    pause(db, seq, record.principal)
            if size > run_bytes:
                too_large.append((seq, size - run_bytes))
    db.executemany("INSERT INTO groups VALUES (?, ?, ?)", rows)
    db.executemany("UPDATE runs SET last = ?, size = ?, written_at = ? WHERE seq = ?", reached)
    db.executemany("UPDATE records SET data = ? WHERE run = ?", recovered)
    db.executemany("UPDATE runs SET ended_at = ?, asked = 0 WHERE seq = ?", ended)
    db.executemany("DELETE FROM checkpoints WHERE run = ?", [(seq,) for _, seq in ended])
    for seq, excess in too_large:
        trim_head(db, seq, excess)
    return lost


def _rows(seq: int, newest: int, entries: Sequence[Entry]) -> list[tuple[int, int, bytes]]:
    """The rows of a run's next entries. There is more than one for many entries: a reader that is
    behind decodes whole rows."""
    before = newest - len(entries)
    parts = (entries[start : start + PIECE] for start in range(0, len(entries), PIECE))
    return [(seq, before := before + len(part), _encode(part)) for part in parts]


def record(db: sqlite3.Connection, run_id: str) -> RunRecord | None:
    row = db.execute(
        "SELECT data, owner FROM runs JOIN records ON run = seq WHERE run_id = ?", (run_id,)
    ).fetchone()
    return with_owner(*row) if row else None


def with_owner(data: bytes, owner: str) -> RunRecord:
    """Decode the record of a run, and replace its owner, which may have changed since it was
    written."""
    return msgspec.structs.replace(_decode_record(data), owner=owner)


def read(
    db: sqlite3.Connection, run_id: str, after: int, limit: int
) -> tuple[int | None, list[Entry]]:
    """Return the number of entries removed from a run's head, and at most `limit` entries after
    `after`.

    The number is None if the run is unknown.
    """
    run = db.execute("SELECT seq, base FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if run is None:
        return None, []
    seq, base = run
    entries: list[Entry] = []
    size = 0
    for last, data in db.execute(
        "SELECT last, data FROM groups WHERE run = ? AND last > ? ORDER BY last", (seq, after)
    ):
        group = _decode(data)
        entries += group[max(0, after - (last - len(group))) :]
        size += len(data)
        if len(entries) >= limit or size > READ_BYTES:
            break
    return base, entries[:limit]
