"""The chunks of a chat completion, as OpenAI's SDK and those like it read them."""

from typing import Any

from .outcome import ProviderError, WrittenCall
from .parts.documents import parse, sse
from .parts.usage import MOST_COUNTS

#: What the SDK needs in a chunk, if the provider left it out.
HEAD = {"id": "chatcmpl", "object": "chat.completion.chunk", "created": 0, "model": ""}

#: Fields of a chunk that are not kept until the end of the stream.
_ONCE = frozenset({"choices", "usage", "error"})

#: Fields that are not repeated with each text.
_AT_THE_END = ("usage", "error", "x_groq")


#: Bytes of a chunk that further ones may be made like: others hold a whole answer, or an image.
LARGE = 64 * 1024


class Chunks:
    """Writes chunks that are like those of the provider.

    They are like the provider's latest chunk with text, which is unread as long as nobody needs
    it: text that is joined of many goes to the SDK in a chunk of its fields.
    """

    __slots__ = ("_beside", "_like", "unread")

    def __init__(self) -> None:
        self.unread = b""  # the latest chunk with text, if it is not `LARGE`
        self._like: Any = {}
        self._beside: dict[str, Any] = {}  # fields of chunks that were not just text

    @property
    def latest(self) -> dict[str, Any]:
        if self.unread:
            self._like = parse(self.unread)
            self.unread = b""
        return self._like if isinstance(self._like, dict) else {}

    def like(self, chunk: dict[str, Any]) -> None:
        """Take a chunk with text that is read already."""
        self.unread = b""
        self._like = chunk

    def forget_choices(self) -> None:
        """Let go of what further chunks do not take from the latest one."""
        like = self.latest
        self._like = {key: part for key, part in like.items() if key != "choices"}

    def keep(self, chunk: dict[str, Any]) -> None:
        """Keep the fields of a chunk for the last one."""
        if len(self._beside) < MOST_COUNTS:
            self._beside.update({key: kept for key, kept in chunk.items() if key not in _ONCE})

    def delta(self, delta: dict[str, Any], like: dict[str, Any]) -> bytes:
        """A chunk like another one, with another delta, and without usage: that comes once."""
        choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}
        return sse({**_alike(like), "object": HEAD["object"], "choices": [choice]})

    def last(self, delta: dict[str, Any], reason: str, usage: dict[str, Any] | None) -> bytes:
        """The chunk with the finish reason, and with all that is left."""
        chunk = {**_alike(self.latest), **self._beside, "object": HEAD["object"]}
        chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": reason}]
        if usage is not None:
            chunk["usage"] = usage
            if isinstance(groq := chunk.get("x_groq"), dict):
                chunk["x_groq"] = {**groq, "usage": usage}
        return sse(chunk)

    @staticmethod
    def error(error: ProviderError) -> bytes:
        return sse({"error": {"message": error.message, "code": error.code, "type": "error"}})


def _alike(chunk: dict[str, Any]) -> dict[str, Any]:
    """The fields of a chunk that another one has, too."""
    kept = {key: part for key, part in chunk.items() if part is not None}
    for key in _AT_THE_END:
        kept.pop(key, None)
    return {**HEAD, **kept}


def written(calls: list[WrittenCall]) -> list[dict[str, Any]]:
    """Tool calls as a message has them."""
    return [
        {
            **call.extra,
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in calls
    ]
