"""What the doctor is asked, and what a check has found."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["ok", "warning", "failed", "skipped"]

#: The check that all others need: where it fails, there is nothing to examine.
REACHABLE = "reachable"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is examined: an address, with a key if it has one; `timeout` is for all, in seconds."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0

    @property
    def patience(self) -> float:
        """The longest that one request may wait for its answer, in seconds."""
        return min(10.0, self.timeout / 4)

    @property
    def silence(self) -> float:
        """How long a silent stream is watched, in seconds: two of the server's heartbeats and
        more, where the time allows it."""
        return min(25.0, self.timeout * 0.45)


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one check: a sentence, and what mends it where it needs mending.

    `facts` are the figures behind it, ready for JSON; times are in seconds.
    """

    name: str
    level: Level
    said: str
    mend: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value not in ("", {})}


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where nothing failed, 1 where something did, 2 where no server was to be reached."""
    failed = [finding.name for finding in findings if finding.level == "failed"]
    return 2 if REACHABLE in failed else 1 if failed else 0
