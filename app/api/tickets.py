"""Signed stream addresses, for clients that cannot send a key: a browser's `EventSource`."""

import time

import msgspec
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from ..core.errors import Unauthorized
from .addresses import local

#: The query parameter that holds a ticket.
PARAMETER = "token"


class StreamTicket(msgspec.Struct, omit_defaults=True):
    """The address of a run's events that a client can open without a key.

    `expires_at` is Unix time in seconds. It is absent if the server has no keys: such an address
    does not expire.
    """

    stream_url: str
    expires_at: float | None = None


class Tickets:
    """Signs and verifies tickets; a ticket allows its holder to read one run for `lifetime`
    seconds.

    If the server has no keys, `on` is False, and addresses contain no ticket.
    """

    def __init__(self, secret: str, lifetime: int, *, on: bool) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt="agno-stream.stream")
        self._lifetime = lifetime
        self._on = on

    def address(self, run_id: str, principal: str) -> StreamTicket:
        """Return the address of a run's events, with a ticket for this principal if tickets are
        on."""
        url = local(f"/api/v1/runs/{run_id}/events")
        if not self._on:
            return StreamTicket(url)
        token = self._signer.dumps([run_id, principal])
        return StreamTicket(f"{url}?{PARAMETER}={token}", int(time.time()) + self._lifetime)

    def principal(self, token: str, run_id: str) -> str:
        """Return the principal in a ticket's `token`; raises `Unauthorized` if the ticket is
        invalid, has expired, or is for another run."""
        try:
            found, principal = self._signer.loads(token, max_age=self._lifetime)
        except SignatureExpired:
            raise Unauthorized(
                "The stream address has expired. "
                f"POST /api/v1/runs/{run_id}/ticket returns a new one."
            ) from None
        except (BadSignature, ValueError, TypeError):
            raise Unauthorized(
                "The token in this address is not valid. "
                f"POST /api/v1/runs/{run_id}/ticket returns a new address."
            ) from None
        if found != run_id or not isinstance(principal, str):
            raise Unauthorized("The token in this address belongs to another run.")
        return principal
