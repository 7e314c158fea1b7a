"""The native answers that are no stream: in one piece, or the address of a stream."""

from collections.abc import Mapping

import msgspec
from fastapi import Response

from ....core.log.follower import Follower
from ....core.log.journal import Entry, RunRecord
from ....core.run_failures import failure_from
from ....models.chat import RunStarted
from ...addresses import with_prefix
from ...context import Context
from ...reading import run_headers
from ...whole_answer import WholeAnswer
from .errors import error_response


def accepted(server: Context, record: RunRecord, headers: Mapping[str, str]) -> Response:
    """The response to `"background": true`: 202, with the address of the run's stream."""
    url = server.tickets.address(record.run_id, record.principal).stream_url
    started = RunStarted(
        run_id=record.run_id, conversation_id=record.conversation_id, stream_url=url
    )
    headers = {**headers, **run_headers(record), "Location": url}
    return Response(msgspec.json.encode(started), 202, headers, media_type="application/json")


class NativeAnswer(WholeAnswer):
    """The response with a `ChatResponse` as JSON; if the run failed, the error and the text before
    it."""

    def __init__(self, follower: Follower, headers: Mapping[str, str]) -> None:
        super().__init__(follower, headers, refusal=error_response)

    def _response(self, entries: list[Entry]) -> Response:
        answer = self._folded(entries)
        if answer.error is None or answer.finish_reason == "cancelled":
            body = with_prefix(msgspec.json.encode(answer))
            return Response(body, headers=self._extra, media_type="application/json")
        failure = failure_from(answer.error)
        failure.details = {
            "finish_reason": answer.finish_reason,
            "content": answer.content,
            "run_id": answer.run_id,
            "conversation_id": answer.conversation_id,
        }
        return self._refusal(failure, self._extra)
