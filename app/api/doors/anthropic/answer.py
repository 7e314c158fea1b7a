"""The answer in one piece: of a request without `stream`."""

from collections.abc import Mapping

import msgspec

from ....core.log.follower import Follower
from ....core.log.journal import Entry, RunRecord
from ....models.chat import ChatResponse
from ...client_calls import is_for_client
from ...encoding import encode_line
from ...media_links import MediaLinks
from ...whole_answer import WholeAnswer
from . import events as ev
from .encoder import arguments, message, model_name, signature, stop_reason
from .errors import refusal
from .redacted import redacted


class MessageAnswer(WholeAnswer):
    """The response with the whole answer as one message, or an error if the run failed."""

    def __init__(
        self, follower: Follower, name: str, links: MediaLinks, headers: Mapping[str, str]
    ) -> None:
        super().__init__(follower, headers, links=links, refusal=refusal)
        self._name = name

    def _json(self, entries: list[Entry]) -> bytes:
        answer = self._folded(entries)
        return encode_line(whole_message(answer, self._follower.record, self._name))


def whole_message(answer: ChatResponse, record: RunRecord, name: str) -> ev.Message:
    """Return an answer as a message: its reasoning, its text, and the calls for the client."""
    content: list[ev.Block] = []
    if answer.reasoning:
        content.append(ev.ThinkingBlock(answer.reasoning, signature(record.run_id)))
    if answer.content:
        content.append(ev.TextBlock(answer.content))
    calls = [tool for tool in answer.tools if is_for_client(tool)]
    for tool in calls:
        if (data := redacted(tool)) is not None:
            content.append(ev.RedactedBlock(data))
        content.append(ev.ToolUseBlock(tool.id, tool.name, msgspec.Raw(arguments(tool))))
    reason = stop_reason(answer.finish_reason, len(calls))
    return message(
        record.run_id, model_name(record, name, answer.model), content, reason, answer.usage
    )
