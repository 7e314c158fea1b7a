"""The plan of an examination, and the findings of its checks."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["ok", "warning", "failed", "skipped"]

#: The check that all others need: if it fails, there is nothing to examine.
REACHABLE = "reachable"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to examine: the address, the API key or None, the `timeout` of all checks in seconds,
    and headers of all requests, as a proxy's token."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 60.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def patience(self) -> float:
        """The longest time in seconds that one request may wait for its response."""
        return min(10.0, self.timeout / 4)

    @property
    def silence(self) -> float:
        """For how many seconds a silent stream is watched: two heartbeats, if `timeout` allows
        it."""
        return min(25.0, self.timeout * 0.45)


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: `message` is a sentence, `mend` the advice after a failure, else
    empty.

    `facts` are the measured figures, ready for JSON; times are in seconds.
    """

    name: str
    level: Level
    message: str
    mend: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return the finding as an object for the JSON report, in which `message` is named
        `said`."""
        names = {"message": "said"}
        items = ((names.get(key, key), value) for key, value in asdict(self).items())
        return {key: value for key, value in items if value not in ("", {})}


def exit_code(findings: Iterable[Finding]) -> int:
    """Return the exit code: 0 if no check failed, 1 if one did, 2 if no server was reached."""
    failed = [finding.name for finding in findings if finding.level == "failed"]
    return 2 if REACHABLE in failed else 1 if failed else 0
