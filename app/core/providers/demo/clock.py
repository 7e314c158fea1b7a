"""The tool of the built-in agent, which shows that tools work."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def current_time(timezone: str = "UTC") -> str:
    """Tell the current date and time in a time zone.

    Args:
        timezone: IANA name of the time zone, such as "UTC" or "Europe/Paris".
    """
    try:
        # UTC needs no time zone database, which small containers lack.
        now = datetime.now(UTC if timezone == "UTC" else ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"Unknown time zone {timezone!r}: use an IANA name such as 'UTC' or 'Europe/Paris'."
    return f"{now:%A %d %B %Y, %H:%M:%S} ({timezone})"
