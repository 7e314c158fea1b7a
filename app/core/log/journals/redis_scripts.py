"""The Lua scripts of the Redis journal, and the values that they take and return.

Each runs inside Redis as one step.

See docs/decisions/009-redis-entries-have-the-number-of-their-last-chunk.md.
"""

from collections.abc import Sequence
from importlib.resources import files

import msgspec

from ..journal import Entry, Group, RunRecord

#: Bytes that a group takes besides its entries.
GROUP_OVERHEAD = 50

WRITTEN, LOST, UNKNOWN = range(3)  # what `append.lua` returns for a group

_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(RunRecord).decode
# JSON, because a model may call a tool with a number that is too large for MessagePack.
_encode_entries = msgspec.json.Encoder().encode
_decode_entries = msgspec.json.Decoder(list[Entry]).decode

_FOLDER = files(__package__) / "lua"


def _load(name: str) -> str:
    """Return the text of a Lua script, with the functions that all scripts share in front of it."""
    common, script = (
        (_FOLDER / f"{part}.lua").read_text(encoding="utf-8") for part in ("common", name)
    )
    return f"{common}\n{script}"


CREATE = _load("create")
APPEND = _load("append")
READ = _load("read")
DELETE = _load("delete")
REACHED = _load("reached")
HEARTBEAT = _load("heartbeat")
LEAVE = _load("leave")
COUNT_PEERS = _load("count_peers")
ADOPT_ORPHANS = _load("adopt_orphans")
RUNS_BEFORE = _load("runs_before")
LIST_ACTIVE = _load("list_active")
LIST_PAUSED = _load("list_paused")
KEEP_CHECKPOINT = _load("keep_checkpoint")
REQUEST_CANCEL = _load("request_cancel")
MARK_FOLLOWED = _load("mark_followed")
SWEEP = _load("sweep")
REMOVE = _load("remove")
OUTBOX_KEEP = _load("outbox_keep")
OUTBOX_CLAIM = _load("outbox_claim")
OUTBOX_SETTLE = _load("outbox_settle")
OUTBOX_RELEASE = _load("outbox_release")


def pack_record(record: RunRecord) -> bytes:
    """Return a run's record as the scripts store it: in MessagePack."""
    return _encode(record)


def unpack_record(data: bytes, owner: str) -> RunRecord:
    """Return a stored record with the run's present owner, which is stored beside it."""
    return msgspec.structs.replace(_decode_record(data), owner=owner)


def unpack_records(found: Sequence[bytes]) -> list[RunRecord]:
    """Return the records of a list in which each is followed by its owner, oldest first."""
    pairs = zip(found[::2], found[1::2], strict=True)
    records = [unpack_record(data, owner.decode()) for data, owner in pairs]
    return sorted(records, key=lambda record: record.created_at)


def pack_groups(groups: Sequence[Group]) -> bytes:
    """Return groups of entries as `append.lua` takes them, before the records of those that
    recover a run."""
    packed, recovered = [], 0
    for group in groups:
        run_id, owner = group.record.run_id, group.record.owner
        data = _encode_entries(group.entries)
        size = len(data) + GROUP_OVERHEAD
        text = data.decode()  # the scripts cannot unpack bytes of MessagePack
        ends = (group.ended, group.paused)
        recovered += group.recovers
        changed = recovered if group.recovers else 0
        packed.append((run_id, owner, group.first, group.last, size, *ends, changed, text))
    return _encode(packed)


def unpack_entries(found: Sequence[bytes], after: int) -> list[Entry]:
    """Return the entries after number `after` of a list in which each group follows its last
    number."""
    entries: list[Entry] = []
    for last, blob in zip(found[::2], found[1::2], strict=True):
        group = _decode_entries(blob)
        # The first group may begin at or before `after`, and a repeated write within the group
        # before it.
        entries += group[len(group) - (int(last) - after - len(entries)) :]
    return entries
