"""The response in one piece: of a request without `stream`."""

from fastapi import Response

from ....core.log.follower import Follower
from ....core.log.journal import Entry
from ....core.log.reading import WholeLog
from ...encoding import encode_line
from ...media_links import MediaLinks
from ...whole_answer import WholeAnswer
from .errors import refusal
from .reading import whole_response
from .resource import Request
from .resource import Response as ResponseObject

JSON = "application/json"


class ResponseAnswer(WholeAnswer):
    """The whole response as one JSON object, or an error with its status if the run failed."""

    def __init__(
        self,
        follower: Follower,
        request: Request,
        links: MediaLinks,
        headers: dict[str, str],
    ) -> None:
        super().__init__(follower, headers, links=links, refusal=refusal)
        self._request = request
        self._media = links

    def _json(self, entries: list[Entry]) -> bytes:
        log = WholeLog(entries, len(entries), truncated=False)
        return encode_line(whole_response(self._follower.record, log, self._request, self._media))


def json_response(found: ResponseObject, headers: dict[str, str] | None = None) -> Response:
    """Return a response object as an HTTP response."""
    return Response(encode_line(found), headers=headers, media_type=JSON)
