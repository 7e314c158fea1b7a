"""The answers of the demonstration, each chosen by the words of the last message."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from agno.exceptions import ModelProviderError
from agno.models.message import Message
from agno.models.response import ModelResponse

from .clock import current_time
from .numbers import number_in
from .texts import ABOUT, CLOCK, CONCLUSION, MARKDOWN, PASSAGE, SLOW, THOUGHTS, TOOLS, UNCLEAR
from .tools import Choice, Unclear, choose, fitting, results

MAX_COUNT, MAX_WORDS = 10_000, 50_000

#: Messages that want a count, a long answer, the rest of the previous one, and the time.
COUNT = re.compile(r"\bcount(?: up)?(?: from (?:1|one))? to (.+)", re.IGNORECASE | re.DOTALL)
LONG = re.compile(r"\blong\b(?:\D{0,40}(\d[\d,]*))?", re.IGNORECASE)
CONTINUE = re.compile(r"^\s*continue\W*$", re.IGNORECASE)
TIME = re.compile(r"\bwhat time\b|\bwhat.{1,3}s the time\b|\bcurrent.time\b", re.IGNORECASE)

#: Tools that a text names, at most.
MAX_NAMES = 5


class SlowWord(ModelResponse):
    """A word that is sent after a long pause."""


def _words(text: str) -> Iterator[ModelResponse]:
    # Spaces stay with their word; the limit splits text in scripts that have no spaces.
    return (ModelResponse(content=match[0]) for match in re.finditer(r"\s*\S{1,24}\s*", text))


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line[:80]}…”" if len(line) > 80 else f"“{line}”"


def text_of(message: Message) -> str:
    parts = message.content if isinstance(message.content, list) else [message.content]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str))


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


def _wanted_count(question: str) -> int:
    """The number that a message wants to be counted to; 0 if it wants no counting."""
    found = COUNT.search(question)
    return number_in(found[1]) if found else 0


def _wanted_words(question: str) -> int:
    """The number of words that a message wants in a long answer; 0 if it wants none."""
    found = LONG.search(question)
    return min(number_in(found[1] or "600"), MAX_WORDS) if found else 0


def _continue(previous: str, earlier: list[str]) -> Iterator[ModelResponse]:
    """The rest of what the previous answer was to have; of a complete one as much again."""
    wanted = next((text for text in reversed(earlier) if not CONTINUE.search(text)), "")
    if count := re.match(r"(\d{1,9}, )+\d{0,9}|\d{1,9},?$", previous.strip()):
        numbers = [int(number) for number in re.findall(r"\d+", count[0])]
        last, end = numbers[-1], min(_wanted_count(wanted), MAX_COUNT)
        return _count(last + 1, end if last < end else last + len(numbers))
    if label := re.match(r"\[(\d{1,9})\]", previous):
        amount = len(previous.split())
        done, end = int(label[1]) - 1 + amount, _wanted_words(wanted)
        return _long(done, end - done if done < end else amount)
    return _words("There is nothing to continue. Try `count to 5` or `long` first.")


def _result(message: Message) -> str:
    """The result of a tool as a sentence. Of one that was refused or failed the message has the
    reason, and does not say which it was."""
    verb = "gave no result" if message.tool_call_error else "answered"
    return f"The tool `{message.tool_name}` {verb}: {text_of(message)}"


def _call(choice: Choice | Unclear | None) -> Iterator[ModelResponse]:
    if choice is None:
        yield from _words("This agent has no tool that the demonstration could call.")
        return
    if isinstance(choice, Unclear):
        yield from _words(UNCLEAR.format(names=_named(choice.names)))
        return
    yield from _words(f"Let me ask `{choice.name}`.\n\n")
    yield ModelResponse(tool_calls=[choice.call()])


def _about(question: str, tools: list[dict[str, Any]]) -> Iterator[ModelResponse]:
    names = [tool["name"] for tool in tools]
    clock = CLOCK if current_time.__name__ in names else ""
    own = f"\n\n{TOOLS.format(names=_named(names))}" if names else ""
    return _words(ABOUT.format(question=_quote(question), clock=clock) + own)


def _named(names: list[str]) -> str:
    """The messages that call some tools."""
    more = ["…"] if len(names) > MAX_NAMES else []
    return ", ".join([*(f"`tool {name}`" for name in names[:MAX_NAMES]), *more])


def answer(messages: list[Message], tools: list[dict[str, Any]]) -> Iterator[ModelResponse]:
    """The pieces of the answer to the last message; `tools` are the functions that may be called.

    Raises `ModelProviderError` in the middle of an answer that has to fail.
    """
    *earlier, question = ["", *(text_of(m) for m in messages if m.role == "user")]
    previous = next((text_of(m) for m in reversed(messages) if m.role == "assistant"), "")
    clock = any(tool["name"] == current_time.__name__ for tool in tools)
    matches = partial(re.search, string=question, flags=re.IGNORECASE | re.DOTALL)
    if found := results(messages):
        yield from _words("\n\n".join(map(_result, found)))
    elif match := matches(r"^\s*echo\s+(\S.*)"):
        yield from _words(match[1])
    elif CONTINUE.search(question):
        yield from _continue(previous, earlier)
    elif matches(r"\bwhat (did|have) i (just )?(say|said|ask|asked)\b"):
        quotes = "\n".join(f"- {_quote(text)}" for text in earlier[1:])
        text = f"Before this, you said:\n\n{quotes}" if quotes else "You said nothing before."
        yield from _words(text)
    elif count := _wanted_count(question):
        yield from _count(1, count)
    elif choice := fitting(question, tools, messages, named=True):
        yield from _call(choice)
    elif matches(r"\bfail(ure|s|ing)?\b"):
        yield from _words("This answer starts well, but then it ")
        raise ModelProviderError(
            "The demonstration failed, as the message requests.", status_code=503
        )
    elif matches(r"\bslow(ly)?\b"):
        yield from (SlowWord(content=word.content) for word in _words(SLOW))
    elif matches(r"\btools?\b") or (clock and TIME.search(question)):
        yield from _call(choose(question, tools, messages))
    elif matches(r"\b(reason|think)(ing)?\b"):
        yield from (ModelResponse(reasoning_content=word.content) for word in _words(THOUGHTS))
        yield from _words(CONCLUSION)
    elif matches(r"\bmarkdown\b"):
        yield from _words(MARKDOWN)
    elif words := _wanted_words(question):
        yield from _long(0, words)
    elif choice := fitting(question, tools, messages):
        yield from _call(choice)
    else:
        yield from _about(question, tools)
