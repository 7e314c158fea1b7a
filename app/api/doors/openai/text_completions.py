"""`/v1/completions`, OpenAI's first API: one text in, one text out, without messages.

Old SDKs and frameworks still use it. Reasoning and calls of tools have no place in its format.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec
from pydantic import Field

from ....core.errors import InvalidField
from ....core.log.follower import Follower
from ....core.log.journal import Entry, RunRecord
from ....core.question import ModelOptions, Question
from ....models.chat import StreamingChunk
from ...encoding import encode_line
from ...media_links import MediaLinks
from ...names import Target
from ...requests import Int64, Name, end_user
from ...whole_answer import WholeAnswer
from .encoder import Counts, Identity, counts, finish_reason
from .errors import error_frame, refusal
from .requests import Options, StreamOptions


class TextRequest(Options):
    """The body of `/v1/completions`."""

    model: Name
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Int64 | None = None
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    best_of: Literal[1] | None = None
    echo: bool | None = None
    suffix: Literal[""] | None = None  # text after the answer: chat models cannot fill gaps

    @property
    def text(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]

    def question(self, target: Target, *, kept: bool) -> Question:
        """Return the request as a `Question`; raises `InvalidField` for a prompt without text.

        One with a NUL character raises it, too.
        """
        if not self.text.strip():
            raise InvalidField("prompt: is empty; send a text")
        if "\0" in self.text:
            raise InvalidField("prompt: contains a NUL character, which cannot be stored")
        stop = [self.stop] if isinstance(self.stop, str) else self.stop
        return Question(
            message=self.text,
            agent=target.agent,
            model=target.model,
            options=ModelOptions(
                **self.model_dump(include=set(Options.model_fields)),
                stop=stop,
                max_tokens=self.max_tokens,
            ),
            kept=kept,
            user=end_user(self.user),
            metadata=dict(self.metadata) if self.metadata else None,
        )


class TextChoice(msgspec.Struct):
    text: str
    index: int
    logprobs: None
    finish_reason: str | None


class TextCompletion(Identity):
    """A piece of an answer, or all of it."""

    choices: list[TextChoice]
    usage: Counts | None = None


class TextCompletionEncoder:
    """Encodes the chunks of one answer as pieces of text in Server-Sent Events; the first has the
    prompt if that is to be repeated."""

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

    def __init__(self, record: RunRecord, body: TextRequest, links: MediaLinks) -> None:
        self.heartbeat: bytes | None = b": keep-alive\n\n"
        self._piece = TextCompletion(*_identity(record, body.model), choices=[])
        self._links = links
        self._prompt = body.text if body.echo else ""
        self._usage = bool(body.stream_options and body.stream_options.include_usage)

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        chunk = self._links.as_text(chunk)
        out = b""
        if chunk.content or (chunk.done and chunk.error is None):
            text, self._prompt = self._prompt + chunk.content, ""
            out = self._frame(text) if text else b""
        if chunk.error is not None:
            return out + error_frame(chunk.error)
        if not chunk.done:
            return out
        out += self._frame("", finish_reason(chunk.finish_reason, 0))
        if self._usage and chunk.usage is not None:
            last = msgspec.structs.replace(self._piece, choices=[], usage=counts(chunk.usage))
            out += b"data: %b\n\n" % encode_line(last)
        return out + b"data: [DONE]\n\n"

    def _frame(self, text: str, reason: str | None = None) -> bytes:
        self._piece.choices = [TextChoice(text, 0, None, reason)]
        return b"data: %b\n\n" % encode_line(self._piece)


class TextAnswer(WholeAnswer):
    """The response with the whole answer as one JSON object, or an error if the run failed."""

    def __init__(
        self, follower: Follower, body: TextRequest, links: MediaLinks, headers: Mapping[str, str]
    ) -> None:
        super().__init__(follower, headers, links=links, refusal=refusal)
        self._body = body

    def _json(self, entries: list[Entry]) -> bytes:
        answer = self._folded(entries)
        prompt = self._body.text if self._body.echo else ""
        reason = finish_reason(answer.finish_reason, 0)
        found = TextCompletion(
            *_identity(self._follower.record, self._body.model),
            choices=[TextChoice(prompt + answer.content, 0, None, reason)],
            usage=counts(answer.usage) if answer.usage else None,
        )
        return encode_line(found)


def _identity(record: RunRecord, model: str) -> tuple[str, str, int, str]:
    return f"cmpl-{record.run_id}", "text_completion", int(record.created_at), model
