"""The settings of a client: address, key, defaults, timeouts."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

DEFAULT_URL = "http://127.0.0.1:8000"

#: The name of a header, and its value: what HTTP allows, without spaces at the ends.
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~]([ -~\t]*[!-~])?)?[ \t]*")


def header(text: str) -> tuple[str, str]:
    """Return the name and the value of a header like `Name: value`; raises `ValueError` if it is
    none."""
    if not (found := _HEADER.fullmatch(text)):
        raise ValueError("a header is written as 'Name: value', in ASCII")
    return found[1], found[2] or ""


@dataclass
class Config:
    """Settings of a client; times are in seconds.

    `agent` and `model` apply to questions that name none; if None, the server's defaults apply. An
    answer has three timeouts: `timeout_first` is the longest wait for its first token,
    `timeout_idle` the longest silence after that, `timeout_total` the longest time to the complete
    answer. The client checks them whenever bytes arrive; the server's heartbeats arrive about every
    ten seconds, so a timeout may be reported that late. `timeout_connect` limits the time to make a
    connection.

    A lost connection is restored with at most `retries` attempts in a row, each after a longer
    pause; any event that arrives resets the count. With `raise_on_error` a failure is raised, else
    it is reported in the last chunk or in the response.

    `headers` are sent with each request, as the token of a proxy before the server.
    """

    url: str = DEFAULT_URL
    api_key: str | None = field(default=None, repr=False)
    agent: str | None = None
    model: str | None = None
    timeout_connect: float = 5.0
    timeout_first: float = 120.0
    timeout_idle: float = 120.0
    timeout_total: float = 1800.0
    retries: int = 10
    raise_on_error: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_defaults(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the default settings, overridden by `AGNO_STREAM_URL` and
        `AGNO_STREAM_API_KEY`."""
        return cls(
            url=environment.get("AGNO_STREAM_URL") or DEFAULT_URL,
            api_key=environment.get("AGNO_STREAM_API_KEY") or None,
        )

    @property
    def ollama(self) -> Self:
        """This object itself, for code written for a client with a section `ollama` in its
        settings."""
        return self

    @property
    def timeout_first_request(self) -> float:
        """The setting `timeout_first`, under the name that code written for another client uses."""
        return self.timeout_first

    @timeout_first_request.setter
    def timeout_first_request(self, seconds: float) -> None:
        self.timeout_first = seconds
