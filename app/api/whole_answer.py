"""The response that carries a run in one piece, after its end."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..core.log.follower import Follower
from ..core.log.journal import Entry
from ..core.run_failures import RunFailed, failure_from, server_stopped
from ..models.chat import ChatResponse
from ..models.folding import fold
from ..models.numbers import standing
from .connection import Connection
from .door import Refusal
from .media_links import MediaLinks
from .reading import Reading, run_headers


class WholeAnswer(Response):
    """The HTTP response that waits for the end of a run and sends the answer as one body.

    If the run failed, `refusal` makes the response, with a status of its own. With `links`, media
    are in the answer's text. Each protocol has a subclass, which makes the body.
    """

    media_type = "application/json"

    def __init__(
        self,
        follower: Follower,
        headers: Mapping[str, str] | None,
        *,
        refusal: Refusal,
        links: MediaLinks | None = None,
    ) -> None:
        super().__init__()
        self._refusal = refusal
        self._links = links
        self._follower = follower
        self._extra = {
            **run_headers(follower.record),
            **(headers or {}),
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        follower = self._follower
        async with Reading(follower, receive, Connection.of(scope, receive, send)) as gone:
            entries: list[Entry] = []
            while not (follower.done or gone.is_set() or follower.left):
                entries += await follower.batch()
        if follower.left and not follower.done:
            await self._refusal(server_stopped(), self._extra)(scope, receive, send)
        elif not gone.is_set():
            response = self._response(standing(entries, follower.after))
            follower.traffic.bytes += len(response.body)
            await response(scope, receive, send)

    def _folded(self, entries: list[Entry]) -> ChatResponse:
        """Return the answer that the entries of the log add up to."""
        if self._links is not None:
            entries = self._links.entries(entries)
        record = self._follower.record
        answer = ChatResponse(
            content="",
            model=record.model,
            run_id=record.run_id,
            conversation_id=record.conversation_id,
            agent=record.agent,
        )
        fold(answer, (chunk for _, chunk in entries))
        return answer

    def _response(self, entries: list[Entry]) -> Response:
        """Return the response that contains the answer, or the error, in the protocol's format."""
        error = entries[-1][1].error
        if error is not None:
            return self._refusal(failure_from(error), self._extra)
        try:
            body = self._json(entries)
        except RunFailed as broken:
            return self._refusal(broken, self._extra)
        return Response(body, headers=self._extra, media_type=self.media_type)

    def _json(self, entries: list[Entry]) -> bytes:
        """Return the answer as one JSON object; raises `RunFailed` if the protocol has no form for
        it."""
        raise NotImplementedError
