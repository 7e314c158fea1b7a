"""Where the server is, and how long to wait for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass
class Config:
    """Settings of a client; times are in seconds.

    `agent` and `model` are asked for where a question names none; absent, the server's defaults.
    The three clocks of an answer: `timeout_first` is the longest wait for its first token,
    `timeout_idle` the longest silence after that, `timeout_total` the longest that all of it may
    take. They are looked at whenever anything arrives, signs of life included, which the server
    sends every ten seconds or so; that is how late an end may be told. `timeout_connect` is for
    making a connection.

    A lost connection is made again `retries` times in a row at most, each time after a longer
    pause; any progress begins the count anew. With `raise_on_error` failures are raised, else they
    are told in the last chunk or in the response.
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

    @classmethod
    def from_defaults(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults, with `AGNO_STREAM_URL` and `AGNO_STREAM_API_KEY` where they are set."""
        return cls(
            url=environment.get("AGNO_STREAM_URL") or DEFAULT_URL,
            api_key=environment.get("AGNO_STREAM_API_KEY") or None,
        )

    @property
    def ollama(self) -> Self:
        """Itself: code written for another client hands over the section of this name."""
        return self

    @property
    def timeout_first_request(self) -> float:
        """`timeout_first`, under the name that such code knows."""
        return self.timeout_first

    @timeout_first_request.setter
    def timeout_first_request(self, seconds: float) -> None:
        self.timeout_first = seconds
