"""The response that carries a run in one piece, after its end."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..core.log.follower import Follower
from ..core.log.journal import Entry
from ..models.chat import ChatResponse
from ..models.folding import fold
from ..models.numbers import standing
from .reading import reading, run_headers


class WholeAnswer(Response):
    """The HTTP response that waits for the end of a run and sends the answer as one body.

    If the run failed, the error is sent with its own status. Each protocol has a subclass, which
    makes the body.
    """

    def __init__(self, follower: Follower, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._follower = follower
        self._extra = {
            **run_headers(follower.record),
            **(headers or {}),
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        follower = self._follower
        async with reading(follower, receive) as gone:
            entries: list[Entry] = []
            while not follower.done and not gone.is_set():
                entries += await follower.batch()
        if not gone.is_set():
            response = self._response(standing(entries, follower.after))
            follower.traffic.bytes += len(response.body)
            await response(scope, receive, send)

    def _folded(self, entries: list[Entry]) -> ChatResponse:
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
        raise NotImplementedError
