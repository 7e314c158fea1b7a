"""What an answer has beside its text, as lines of a terminal: tools, steps, events, sources."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agno_stream.parts import Citation, NamedEvent, Step, ToolCall

#: Characters of one argument, and of a result, if they are shown short.
ARGUMENT, RESULT = 40, 160

#: What stands before a step, by its status.
MARKS = {"started": "▸", "running": "…", "completed": "✓", "failed": "✗", "paused": "⏸"}


def call_line(tool: ToolCall, *, long: bool) -> str:
    """A tool call: its name and its arguments, whole if `long`."""
    return f"⚙ {call_text(tool, long=long)}"


def call_text(tool: Mapping[str, Any], *, long: bool) -> str:
    """A tool call as `name(argument=value, …)`, the values as JSON; whole if `long`."""
    return f"{_word(tool['name'])}({_pairs(tool.get('arguments') or {}, long=long)})"


def result_lines(tool: ToolCall, *, long: bool, named: bool) -> str:
    """The result of a tool call, its first line or all of it; `named` if its call is not the line
    before it."""
    mark = "✗" if tool["status"] == "failed" else "↳"
    text = tool.get("result") or ("it failed" if tool["status"] == "failed" else "done")
    shown = text.strip() if long else _first_line(text)
    shown = _printable(shown).replace("\n", "\n    ")
    return f"  {mark} {_word(tool['name']) + ': ' if named else ''}{shown}"


def step_line(step: Step) -> str:
    """The state of a step."""
    name = _word(step["name"])
    if "iteration" in step:
        name = f"{name} {step['iteration']}"
    message = f": {_first_line(step['message'])}" if step.get("message") else ""
    return f"{MARKS.get(step['status'], '·')} {name}{message}"


def event_line(event: NamedEvent, *, long: bool) -> str:
    """A custom event with its data."""
    return f"· {_word(event['name'])} {_pairs(event.get('data') or {}, long=long)}".rstrip()


def citation_lines(citations: Sequence[Citation]) -> str:
    """The sources of an answer, numbered."""
    lines = []
    for number, source in enumerate(citations, 1):
        title = source.get("title") or source.get("query") or source["kind"]
        url = f" {_printable(source['url'])}" if source.get("url") else ""
        lines.append(f"[{number}] {_first_line(title)}{url}")
    return "\n".join(lines)


def followup_lines(followups: Sequence[str]) -> str:
    """Questions that may come next, numbered."""
    return "\n".join(f"{number}. {_first_line(text)}" for number, text in enumerate(followups, 1))


def _pairs(values: Mapping[str, Any], *, long: bool) -> str:
    shown = []
    for name, value in values.items():
        text = _printable(json.dumps(value, ensure_ascii=False))
        if not long and len(text) > ARGUMENT:
            text = text[: ARGUMENT - 1] + "…"
        shown.append(f"{_word(name)}={text}")
    return ", ".join(shown)


def _first_line(text: str) -> str:
    """The first line of a text, and a mark if there is more."""
    first, _, rest = text.strip().partition("\n")
    first = _printable(first.strip())
    if len(first) > RESULT:
        return first[: RESULT - 1] + "…"
    return f"{first} …" if rest.strip() else first


def _word(name: str) -> str:
    return _printable(" ".join(name.split()))


def _printable(text: str) -> str:
    """A text without control characters, which a tool could move the cursor with."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
