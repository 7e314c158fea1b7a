"""A demonstration model that needs no key and no network, to show streaming to newcomers."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agno.exceptions import ModelProviderError
from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse

from .demo_texts import (
    ABOUT,
    CONCLUSION,
    MARKDOWN,
    NUMBERS,
    PASSAGE,
    SLOW,
    THOUGHTS,
)

Pieces = Iterator[tuple[float, ModelResponse]]  # the pause before each is in seconds
MAX_COUNT, MAX_WORDS = 10_000, 50_000


def current_time(timezone: str = "UTC") -> str:
    """Tell the current date and time in a time zone.

    Args:
        timezone: IANA name of the time zone, such as "UTC" or "Europe/Paris".
    """
    try:
        # UTC needs no time zone database, which small containers lack.
        now = datetime.now(UTC if timezone == "UTC" else ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"Unknown time zone {timezone!r}: use an IANA name such as 'UTC' or 'Europe/Paris'."
    return f"{now:%A %d %B %Y, %H:%M:%S} ({timezone})"


class SlowWord(ModelResponse):
    """A word that is sent after a long pause."""


def _words(text: str) -> Iterator[ModelResponse]:
    # Spaces stay with their word; the limit splits text in scripts that have no spaces.
    return (ModelResponse(content=match[0]) for match in re.finditer(r"\s*\S{1,24}\s*", text))


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line[:80]}…”" if len(line) > 80 else f"“{line}”"


def _text(message: Message) -> str:
    parts = message.content if isinstance(message.content, list) else [message.content]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


def _number(text: str) -> int:
    """The number at the start of a text, in digits or English words; 0 if there is none."""
    if digits := re.match(r"\d[\d,]*", text):
        return int(digits[0].replace(",", "")[:9])  # nine digits exceed every limit here
    total = part = 0
    for word in re.findall(r"[a-z]+", text[:80].lower()):
        if word in ("thousand", "million"):
            total, part = (part or 1) * (1_000 if word == "thousand" else 1_000_000), 0
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in NUMBERS:
            part += NUMBERS[word]
        elif word not in ("a", "and"):
            break
    return total + part


def _count(first: int, last: int) -> Iterator[ModelResponse]:
    last = min(last, first + MAX_COUNT - 1)
    return (ModelResponse(content=f"{n}, " if n < last else f"{n}") for n in range(first, last + 1))


def _long(done: int, amount: int) -> Iterator[ModelResponse]:
    """`amount` words, in paragraphs that begin with the number of their first word."""
    passage, last = PASSAGE.split(), min(amount, MAX_WORDS) - 1
    for n in range(last + 1):
        position = n % (len(passage) + 1)
        word = passage[position - 1] if position else f"[{done + n + 1}]"
        gap = "" if n == last else "\n\n" if position == len(passage) else " "
        yield ModelResponse(content=word + gap)


def _continue(previous: str) -> Iterator[ModelResponse]:
    if count := re.match(r"(\d{1,9}, )+\d{0,9}|\d{1,9},?$", previous.strip()):
        numbers = [int(number) for number in re.findall(r"\d+", count[0])]
        return _count(numbers[-1] + 1, numbers[-1] + len(numbers))
    if label := re.match(r"\[(\d{1,9})\]", previous):
        amount = len(previous.split())
        return _long(int(label[1]) - 1 + amount, amount)
    return _words("There is nothing to continue. Try `count to 5` or `long` first.")


def _call(question: str, tools: list[dict[str, Any]]) -> Iterator[ModelResponse]:
    # Only tools without required arguments: there is no language model to invent any.
    ready = [tool for tool in tools if not tool.get("parameters", {}).get("required")]
    if not ready:
        return _words("This agent has no tool that the demonstration could call.")
    tool = min(ready, key=lambda tool: tool["name"] != current_time.__name__)
    zone = re.search(r"\b[A-Z]\w+(/[\w-]+)+", question)
    takes_zone = "timezone" in tool.get("parameters", {}).get("properties", {})
    arguments = json.dumps({"timezone": zone[0]} if zone and takes_zone else {})
    function = {"name": tool["name"], "arguments": arguments}
    call = {"id": f"call_{uuid4().hex}", "type": "function", "function": function}
    return chain(_words(f"Let me ask `{tool['name']}`.\n\n"), [ModelResponse(tool_calls=[call])])


def _answer(messages: list[Message], tools: list[dict[str, Any]]) -> Iterator[ModelResponse]:
    *earlier, question = ["", *(_text(m) for m in messages if m.role == "user")]
    previous = next((_text(m) for m in reversed(messages) if m.role == "assistant"), "")
    matches = partial(re.search, string=question, flags=re.IGNORECASE | re.DOTALL)
    if messages and messages[-1].role == "tool":
        yield from _words(f"The tool `{messages[-1].tool_name}` answered: {_text(messages[-1])}")
    elif match := matches(r"^\s*echo\s+(\S.*)"):
        yield from _words(match[1])
    elif matches(r"^\s*continue\W*$"):
        yield from _continue(previous)
    elif matches(r"\bwhat (did|have) i (just )?(say|said|ask|asked)\b"):
        quotes = "\n".join(f"- {_quote(text)}" for text in earlier[1:])
        answer = f"Before this, you said:\n\n{quotes}" if quotes else "You said nothing before."
        yield from _words(answer)
    elif (match := matches(r"\bcount(?: up)?(?: from (?:1|one))? to (.+)")) and _number(match[1]):
        yield from _count(1, _number(match[1]))
    elif matches(r"\bfail(ure|s|ing)?\b"):
        yield from _words("This answer starts well, but then it ")
        raise ModelProviderError(
            "The demonstration failed, as the message requests.", status_code=503
        )
    elif matches(r"\bslow(ly)?\b"):
        yield from (SlowWord(content=word.content) for word in _words(SLOW))
    elif matches(r"\btools?\b|\bwhat time\b|\bcurrent.time\b"):
        yield from _call(question, tools)
    elif matches(r"\b(reason|think)(ing)?\b"):
        yield from (ModelResponse(reasoning_content=word.content) for word in _words(THOUGHTS))
        yield from _words(CONCLUSION)
    elif matches(r"\bmarkdown\b"):
        yield from _words(MARKDOWN)
    elif match := matches(r"\blong\b(?:\D{0,40}(\d[\d,]*))?"):
        yield from _long(0, _number(match[1] or "600"))
    else:
        yield from _words(ABOUT.format(question=_quote(question)))


@dataclass
class DemoModel(Model):
    """A model that streams a canned answer chosen by the message; delays are in seconds."""

    id: str = "demo"
    name: str | None = "Demo"
    provider: str | None = "agno-stream"
    delay: float = 0.02
    slow_delay: float = 1.0
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None  # ignored, as are the next two
    top_p: float | None = None
    seed: int | None = None

    def _pieces(self, messages: list[Message], **request: Any) -> Pieces:
        """The pieces of the answer with their pauses; the last one has finish reason and usage."""
        tools = [t["function"] for t in request.get("tools") or [] if "function" in t]
        stops = [self.stop] if isinstance(self.stop, str) else self.stop or []
        finish, sent, held = "stop", 0, ""
        for piece in _answer(messages, [] if request.get("tool_choice") == "none" else tools):
            pause = self.slow_delay if isinstance(piece, SlowWord) else self.delay
            if sent == self.max_tokens:
                finish = "length"
                break
            sent += 1
            held += piece.content or ""
            if found := [held.index(stop) for stop in stops if stop and stop in held]:
                held = held[: min(found)]
                break
            # A suffix that may be the start of a stop string is held back until the next piece.
            prefixes = (n for stop in stops for n in range(len(stop)) if held.endswith(stop[:n]))
            ready = len(held) - max(prefixes, default=0)
            yield pause, replace(piece, content=held[:ready] or None)
            held = held[ready:]
            finish = "tool_calls" if piece.tool_calls else finish
        received = sum(len(_text(message).split()) for message in messages)
        usage = MessageMetrics(received, sent, received + sent)
        ending = {"finish_reason": finish}
        yield 0, ModelResponse(content=held or None, provider_data=ending, response_usage=usage)

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponse]:
        for pause, piece in self._pieces(*args, **kwargs):
            time.sleep(pause)
            yield self._parse_provider_response_delta(piece)

    async def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponse]:
        for pause, piece in self._pieces(*args, **kwargs):
            await asyncio.sleep(pause)
            yield self._parse_provider_response_delta(piece)

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return self._parse_provider_response(list(self.invoke_stream(*args, **kwargs)))

    async def ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        pieces = [piece async for piece in self.ainvoke_stream(*args, **kwargs)]
        return self._parse_provider_response(pieces)

    def _parse_provider_response(self, response: list[ModelResponse], **_: Any) -> ModelResponse:
        return replace(
            response[-1],
            content="".join(piece.content or "" for piece in response),
            reasoning_content="".join(piece.reasoning_content or "" for piece in response) or None,
            tool_calls=[call for piece in response for call in piece.tool_calls],
        )

    def _parse_provider_response_delta(self, response: ModelResponse) -> ModelResponse:
        return response
