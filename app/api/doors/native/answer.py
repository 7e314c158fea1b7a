"""The native answer in one piece: `"stream": false`."""

import msgspec
from fastapi import Response

from ....core.log.journal import Entry
from ....core.run_failures import failure_from
from ...whole_answer import WholeAnswer
from .errors import error_response


class NativeAnswer(WholeAnswer):
    """The response with a `ChatResponse` as JSON; if the run failed, the error and the text before
    it."""

    def _response(self, entries: list[Entry]) -> Response:
        answer = self._folded(entries)
        if answer.error is None or answer.finish_reason == "cancelled":
            body = msgspec.json.encode(answer)
            return Response(body, headers=self._extra, media_type="application/json")
        failure = failure_from(answer.error)
        failure.details = {
            "finish_reason": answer.finish_reason,
            "content": answer.content,
            "run_id": answer.run_id,
            "conversation_id": answer.conversation_id,
        }
        return error_response(failure, self._extra)
