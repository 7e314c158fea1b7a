"""Reasoning in `<think>` tags at the beginning of a model's text."""

_OPEN = "<think>"
_CLOSE = "</think>"

#: Parts of the names of models that write their reasoning so, if their server leaves it to them.
_WRITERS = (
    "deepseek-r1",
    "deepseek-reasoner",
    "qwq",
    "qwen3",
    "magistral",
    "r1-distill",
    "minimax-m",
)


def writes_think_tags(model_id: str) -> bool:
    """Whether a model is known to write its reasoning into its text."""
    name = model_id.lower()
    return any(part in name for part in _WRITERS)


class ThinkTags:
    """Parts a text that may begin with a `<think>` element from what stands in it.

    Tags may be cut anywhere. A text that begins otherwise passes as it is, tags in it too.
    """

    __slots__ = ("_held", "_inside", "_passing", "_trim")

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._passing = False
        self._trim = False

    def feed(self, text: str) -> tuple[str, str]:
        """The text and the reasoning that are certain with this piece."""
        if self._passing:
            return self._trimmed(text), ""
        text = self._held + text
        self._held = ""
        if not self._inside:
            start = text.lstrip()
            if not start.startswith(_OPEN):
                if _OPEN.startswith(start) and len(text) < 64:
                    self._held = text
                    return "", ""
                self._passing = True
                return text, ""
            self._inside = self._trim = True
            text = start[len(_OPEN) :]
        thought, closed, rest = text.partition(_CLOSE)
        if closed:
            thought = self._trimmed(thought)
            self._passing = self._trim = True
            return self._trimmed(rest), thought
        keep = next((n for n in range(len(_CLOSE) - 1, 0, -1) if text.endswith(_CLOSE[:n])), 0)
        if keep:
            text, self._held = text[:-keep], text[-keep:]
        return "", self._trimmed(text)

    def close(self) -> tuple[str, str]:
        """What was held back, at the end of the text."""
        held, self._held = self._held, ""
        return ("", held) if self._inside and not self._passing else (held, "")

    def _trimmed(self, text: str) -> str:
        """Without the line breaks directly behind a tag."""
        if self._trim:
            text = text.lstrip("\r\n")
            self._trim = not text
        return text
