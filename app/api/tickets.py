"""Signed stream addresses, for readers that cannot send a key: a browser's `EventSource`."""

import time

import msgspec
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from ..core.errors import Unauthorized

#: The parameter of an address that holds a ticket.
PARAMETER = "token"


class StreamTicket(msgspec.Struct, omit_defaults=True):
    """Where to read a run without a key. `expires_at` is Unix time in seconds; without it the
    address always works, for the server asks for no keys."""

    stream_url: str
    expires_at: float | None = None


class Tickets:
    """Makes and reads tickets: each lets its bearer read one run of one principal, for a while.

    `on` is false where the server asks for no keys, and addresses need no ticket.
    """

    def __init__(self, secret: str, lifetime: int, *, on: bool) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt="agno-stream.stream")
        self._lifetime = lifetime
        self._on = on

    def address(self, run_id: str, principal: str) -> StreamTicket:
        """The address of a run's events, for this principal."""
        url = f"/api/v1/runs/{run_id}/events"
        if not self._on:
            return StreamTicket(url)
        token = self._signer.dumps([run_id, principal])
        return StreamTicket(f"{url}?{PARAMETER}={token}", int(time.time()) + self._lifetime)

    def principal(self, token: str, run_id: str) -> str:
        """Whose ticket for this run it is; raises `Unauthorized`."""
        try:
            found, principal = self._signer.loads(token, max_age=self._lifetime)
        except SignatureExpired:
            raise Unauthorized(
                f"The stream address has expired; POST /api/v1/runs/{run_id}/ticket gives another."
            ) from None
        except (BadSignature, ValueError, TypeError):
            raise Unauthorized("The token of this address is not valid.") from None
        if found != run_id or not isinstance(principal, str):
            raise Unauthorized("The token of this address is that of another run.")
        return principal
