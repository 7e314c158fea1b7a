"""The Lua scripts of the Redis journal: each runs inside Redis as one step.

See docs/decisions/009-redis-entries-have-the-number-of-their-last-chunk.md.
"""

from importlib.resources import files

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
