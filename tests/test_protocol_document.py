"""docs/protocol.md is true: its examples are sent to a real server, its tables are complete."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib import import_module
from typing import Any, get_args

import httpx
import msgspec
import pytest

from app.core.error_codes import REGISTRY
from app.core.run_failures import RunFailed
from app.core.runs.states import TRANSITIONS
from app.models.chat import (
    Citation,
    ErrorInfo,
    FinishReason,
    Media,
    NamedEvent,
    Requirement,
    RunState,
    Said,
    Speaker,
    Step,
    StreamingChunk,
    ToolCall,
    Usage,
)
from tests.command import ROOT
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))

#: What a section is made of: HTTP messages, and comments that prepare the provider or the server.
PART = re.compile(
    r"^```http( broken)?\n(.*?)^```$|^<!-- (\w+): ([^\n]*) -->$", re.DOTALL | re.MULTILINE
)

PLACEHOLDER = re.compile(r"<([a-z][a-z0-9-]*)>")

#: Placeholders that stand for another value each time.
ANYTHING = {
    "sentence": r'[^"\n]*',
    "text": r"[^\n]*",
    "events": r"[\s\S]*",
    "time": r"[\d.]+",
    "count": r"\d+",
}

#: Lines that come whenever a machine is slow: heartbeats of the two formats that have them.
HEARTBEAT = re.compile(r'^(?::|\{"content":"","done":false,"model":"[^"]*"\})\n', re.MULTILINE)

#: Seconds in which a run that goes on, or a log, gets into the state that an example shows.
PATIENCE = 10


@dataclass
class Example:
    """A request, and the response that the page shows."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int
    expected_headers: dict[str, str]
    expected_body: str
    broken: bool
    settings: dict[str, Any] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)


@dataclass
class Exchange:
    """What came back: the status, the headers, the body, and whether it broke off."""

    status: int
    headers: httpx.Headers
    body: str
    broken: bool


def message(text: str) -> tuple[str, dict[str, str], str]:
    """The first line, the headers and the body of an HTTP message as the page shows it."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    return first, dict(line.split(": ", 1) for line in lines), body


def examples(section: str) -> Iterator[Example]:
    settings: dict[str, Any] = {}
    replies: list[Reply] = []
    request: str | None = None
    for broken, text, kind, value in PART.findall(section):
        if kind == "server":
            settings = json.loads(value)
        elif kind == "provider":
            replies = [Reply(**fields) for fields in json.loads(value)]
        elif request is None:
            request = text
        else:
            first, headers, body = message(request)
            method, path, _ = first.split(" ")
            line, expected_headers, expected_body = message(text)
            _, status, phrase = line.split(" ", 2)
            assert phrase == HTTPStatus(int(status)).phrase or status == "422", line
            yield Example(
                method=method,
                path=path,
                headers=headers,
                body=body,
                status=int(status),
                expected_headers=expected_headers,
                expected_body=expected_body,
                broken=bool(broken),
                settings=settings,
                replies=replies,
            )
            request, replies = None, []
    assert request is None, "a request without its response"


WITH_EXAMPLES = [title for title, section in SECTIONS.items() if "```http" in section]


def send(http: httpx.Client, example: Example, known: dict[str, str]) -> Exchange:
    def filled(text: str) -> str:
        return PLACEHOLDER.sub(lambda found: known[found[1]], text)

    headers = {name: filled(value) for name, value in example.headers.items()}
    body = b""
    broken = False
    path, content = filled(example.path), filled(example.body)
    with http.stream(example.method, path, headers=headers, content=content) as response:
        try:
            for part in response.iter_bytes():
                body += part
        except httpx.RemoteProtocolError:
            broken = True
    return Exchange(response.status_code, response.headers, body.decode(), broken)


def matched(expected: str, actual: str, known: dict[str, str]) -> dict[str, str] | None:
    """The values of the placeholders, those that are known included; None if it does not match."""
    pattern, place, named = "", 0, set()
    for found in PLACEHOLDER.finditer(expected):
        pattern += re.escape(expected[place : found.start()])
        place, name = found.end(), found[1]
        group = name.replace("-", "_")
        if name in ANYTHING:
            pattern += ANYTHING[name]
        elif name in known:
            pattern += re.escape(known[name])
        elif name in named:
            pattern += f"(?P={group})"
        else:
            named.add(name)
            pattern += rf"(?P<{group}>[\w-]+)"
    match = re.fullmatch(pattern + re.escape(expected[place:]), actual)
    if match is None:
        return None
    return known | {name.replace("_", "-"): value for name, value in match.groupdict().items()}


def difference(example: Example, came: Exchange, known: dict[str, str]) -> str:
    """What is not as the page shows it; empty, and the placeholders are known, if all is."""
    if (example.status, example.broken) != (came.status, came.broken):
        return f"{came.status}, broken: {came.broken}"
    values = known
    for name, value in example.expected_headers.items():
        found = matched(value, came.headers.get(name, ""), values)
        if found is None:
            return f"{name}: {came.headers.get(name)}"
        values = found
    expected = example.expected_body.rstrip("\n")
    actual = came.body.rstrip("\n")
    if len(HEARTBEAT.findall(expected)) > len(HEARTBEAT.findall(actual)):
        return "no heartbeat"
    found = matched(HEARTBEAT.sub("", expected), HEARTBEAT.sub("", actual), values)
    if found is None:
        return came.body
    known.update(found)
    return ""


@pytest.mark.parametrize("title", WITH_EXAMPLES)
def test_examples_of_a_section(serve: Serve, provider: Provider, title: str) -> None:
    """Every example of a section is answered as the page shows it."""
    found = list(examples(SECTIONS[title]))
    settings: dict[str, Any] = {"model": "demo", "models": "openai:gpt-4o-mini"}
    for example in found:
        settings |= example.settings
    if "agents" in settings:
        module, _, name = str(settings["agents"]).partition(":")
        settings["agents"] = [getattr(import_module(module), name)]
    server = serve(**settings)
    known: dict[str, str] = {}
    with httpx.Client(base_url=server.url, timeout=30) as http:
        for example in found:
            provider.script(*example.replies)
            deadline = time.monotonic() + PATIENCE
            while problem := difference(example, send(http, example, known), known):
                reads = example.method == "GET" and example.path.startswith("/api/v1/runs/")
                assert reads, f"{example.path}: {problem}"
                assert time.monotonic() < deadline, f"{example.path}: {problem}"
                time.sleep(0.02)


def test_every_section_but_those_of_words_has_examples() -> None:
    """A section that loses its examples by a slip of its fences fails here."""
    words = {
        "Headers",
        "Readers that leave",
        "Busy conversations",
        "Recoveries",
        "Draining",
        "Media",
    }
    assert words | {"The grammar of a stream"} == SECTIONS.keys() - set(WITH_EXAMPLES)


CHUNK_PARTS = [
    *(StreamingChunk, ToolCall, Media, Usage, ErrorInfo),
    *(Speaker, Said, Step, NamedEvent, Citation, Requirement),
]


@pytest.mark.parametrize("struct", CHUNK_PARTS)
def test_fields_of_a_chunk_are_all_documented(struct: type[msgspec.Struct]) -> None:
    """Every field that may be on the wire has its row."""
    rows = set(re.findall(r"^\| `(\w+)` \|", SECTIONS["The fields of a chunk"], re.MULTILINE))
    assert set(struct.__struct_fields__) <= rows


def test_states_are_all_documented() -> None:
    """Every field that a state adds to an answer, and every status, has its row."""
    rows = set(re.findall(r"^\| `(\w+)` \|", SECTIONS["The state of a run"], re.MULTILINE))
    own = {"status", "last_event_id", "created_at", "ended_at", "truncated", "continued_by"}
    statuses = {field.type for field in msgspec.structs.fields(RunState) if field.name == "status"}
    assert own | {name for one in statuses for name in get_args(one)} <= rows


def test_transitions_are_those_of_the_code() -> None:
    """The table of states has each state with the ones that may follow it."""
    rows = re.findall(
        r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)*) ?\| ", SECTIONS["The state of a run"], re.MULTILINE
    )
    shown = {state: set(re.findall(r"\w+", following)) for state, following in rows}
    expected = {str(state): {str(s) for s in after} for state, after in TRANSITIONS.items()}
    assert expected == {state: after for state, after in shown.items() if state in expected}


def test_endings_are_all_documented() -> None:
    """Every finish reason has its row."""
    rows = re.findall(r"^\| `(\w+)` \|", SECTIONS["Endings"], re.MULTILINE)
    assert set(get_args(FinishReason)) <= set(rows)


def test_codes_have_the_status_of_the_registry() -> None:
    """Codes that the page lists exist, and every failure of a run is among them."""
    section = SECTIONS["Endings"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", section, re.MULTILINE))
    assert rows == {code: str(REGISTRY[code].status) for code in rows}
    failures = {one.code for one in RunFailed.__subclasses__()} - {RunFailed.code}
    assert failures <= set(re.findall(r"`(\w+)`", section))
