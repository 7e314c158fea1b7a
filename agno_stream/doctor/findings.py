"""The plan of an examination, and the findings of its checks."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["ok", "warning", "failed", "skipped"]

#: The check that all others need: if it fails, there is nothing to examine.
REACHABLE = "reachable"


@dataclass(frozen=True, slots=True)
class Plan:
    """The examined address, its key if any, and the `timeout` of all checks in seconds."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0

    @property
    def patience(self) -> float:
        """The longest that one request may wait for its response, in seconds."""
        return min(10.0, self.timeout / 4)

    @property
    def silence(self) -> float:
        """How long a silent stream is watched, in seconds: longer than two of the server's
        heartbeats, if `timeout` allows it."""
        return min(25.0, self.timeout * 0.45)


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict of one check: `message` is a sentence, `mend` how to mend what failed, if it did.

    `facts` are the figures behind it, ready for JSON; times are in seconds.
    """

    name: str
    level: Level
    message: str
    mend: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The finding as an object of the JSON report, whose name for `message` is `said`."""
        names = {"message": "said"}
        items = ((names.get(key, key), value) for key, value in asdict(self).items())
        return {key: value for key, value in items if value not in ("", {})}


def exit_code(findings: Iterable[Finding]) -> int:
    """0 if no check failed, 1 if one did, 2 if no server was reached."""
    failed = [finding.name for finding in findings if finding.level == "failed"]
    return 2 if REACHABLE in failed else 1 if failed else 0
