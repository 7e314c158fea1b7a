"""Event ids, `<run_id>:<n>`: the positions in a run's log from which a reader resumes.

See docs/decisions/011-an-interrupted-end-has-an-id-of-its-own.md.
"""

from ....core.errors import BadEventId


def parse_event_id(value: str, run_id: str | None = None) -> tuple[str, int]:
    """Parse an event id, `<run_id>:<n>`, and return its run id and its number.

    If `run_id` is given, a number alone is accepted, too, and the event id of another run is
    rejected. Raises `BadEventId`. A number with a leading 0 has a meaning of its own: see
    `saw_end`.
    """
    head, colon, number = value.strip().rpartition(":")
    if not colon and run_id is not None:
        head = run_id
    if not head or not number.isascii() or not number.isdigit() or len(number) > 15:
        raise BadEventId(f"{value[:80]!r} is not an event id. It must be '<run_id>:<number>'.")
    if run_id is not None and head != run_id:
        raise BadEventId(f"Event id {value[:80]!r} belongs to another run, not to {run_id}.")
    return head, int(number)


def saw_end(value: str) -> bool:
    """Return True if an event id is that of a run's last event with the finish reason
    `interrupted`.

    Only such an id has a number with a leading 0, because readers of a killed process may have
    received a text with the same number (see `number_in_id`).
    """
    number = value.strip().rpartition(":")[2]
    return number.startswith("0") and number != "0"
