"""The response in one piece: of a request without `stream`."""

from fastapi import Response

from ....core.log.follower import Follower
from ....core.log.journal import Entry
from ....core.log.reading import WholeLog
from ....core.run_failures import failure_from
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
        super().__init__(follower, headers)
        self._request = request
        self._links = links

    def _response(self, entries: list[Entry]) -> Response:
        error = entries[-1][1].error
        if error is not None:
            return refusal(failure_from(error), self._extra)
        log = WholeLog(entries, len(entries), truncated=False)
        found = whole_response(self._follower.record, log, self._request, self._links)
        return json_response(found, self._extra)


def json_response(found: ResponseObject, headers: dict[str, str] | None = None) -> Response:
    """Return a response object as an HTTP response."""
    return Response(encode_line(found), headers=headers, media_type=JSON)
