"""The bounds on the memory that logs take: what is dropped, and in which order.

See docs/decisions/006-streams-go-on-while-the-journal-fails.md.
"""

from collections.abc import Sequence

from .run_log import RunLog


def trim(logs: Sequence[RunLog], run_bytes: int, total_bytes: int) -> list[RunLog]:
    """Drop the oldest entries until each log and all logs are within their bounds, in bytes.

    Entries that the journal has go first, then, of ended logs before live ones, also those that it
    does not have: bounded memory comes before a journal without gaps. Returns the ended logs that
    are to be dropped whole, because their questions and last chunks alone are too much.
    """
    for log in logs:
        if log.size > run_bytes:
            log.trim_head(run_bytes)
    excess = sum(log.size for log in logs) - total_bytes
    if excess <= 0:
        return []
    ended_first = sorted(logs, key=lambda log: not log.ended)
    for lossy in (False, True):
        for log in ended_first:
            if excess <= 0:
                return []
            excess -= log.trim_head(max(0, log.size - excess), lossy=lossy)
    dropped = []
    for log in ended_first:
        if excess <= 0 or not log.ended:
            break
        excess -= log.size
        dropped.append(log)
    return dropped
