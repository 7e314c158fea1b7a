"""What an application answers on Agno alone, it answers here: kinds of applications, by doors and
by endings. `TABLE` in `table.py` has the rows."""

import gc
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.applications.alone import Outcome, run_alone
from tests.applications.doors import JSON, OPENAI, PAST, SSE, Answer, Asked, Door
from tests.applications.kind import Kind, Replies, Site
from tests.applications.table import TABLE, Row
from tests.provider import Provider
from tests.provider_replies import ProviderError
from tests.server import Server
from tests.services import PostgresServer, RedisServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),  # Agno keeps its connections, which belong to a loop
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # and does not close them
]

#: A picture, as some doors show it.
LINK = re.compile(r"\s*!\[image\]\([^)]+\)\s*")

BAD_REQUEST = ProviderError("Bad temperature.", "invalid_request_error", None, "invalid")

#: Faults of the last reply, each with the door at which it is tried.
FAULTS: dict[str, tuple[dict[str, Any], Door]] = {
    "length": ({"finish_reason": "length"}, OPENAI),
    "cut": ({"cut_after": 1}, SSE),
    "error": ({"status": 400, "error": BAD_REQUEST}, JSON),
}
CODES = {"cut": "upstream_cut", "error": "model_refused_request"}
CASES = [
    pytest.param(row, door, id=f"{row.kind.name}-{door.name}")
    for row in TABLE
    for door in row.doors
]
FAULT_CASES = [
    pytest.param(row.kind, fault, id=f"{row.kind.name}-{fault}")
    for row in TABLE
    for fault in row.faults
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    """The provider of all applications."""
    with Provider() as running:
        yield running
    gc.collect()  # while the warnings of what Agno left open are ignored


@pytest.fixture(scope="module")
def addresses(postgres_server: PostgresServer, redis_server: RedisServer) -> dict[str, str]:
    return {"postgresql": postgres_server.create(), "redis": redis_server.empty()}


@pytest.fixture(scope="module")
def build(
    upstream: Provider, addresses: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Builds the application of a kind, anew each time."""

    def make(kind: Kind) -> Any:
        folder = tmp_path_factory.mktemp("application")
        application = kind.build(Site(kind.name, upstream, folder, addresses))
        application.id = kind.name
        return application

    return make


@pytest.fixture(scope="module")
def address(
    upstream: Provider, build: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of one server with all applications of the table."""
    applications = [build(row.kind) for row in TABLE]
    settings = {"openai_base_url": upstream.url, "openai_api_key": "sk-test-0123456789"}
    folder = tmp_path_factory.mktemp("server")
    with Server(folder, agents=applications, model="openai:test-model", **settings) as server:
        yield server.url


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def door_client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, bool], Outcome]:
    """What Agno alone answered already, by kind, streaming or not."""
    return {}


async def ask(
    http: httpx.AsyncClient,
    upstream: Provider,
    kind: Kind,
    door: Door,
    replies: Replies | None = None,
) -> tuple[Answer, list[Any]]:
    """The answer to the last turn, and the requests to the answering model for it."""
    conversation = f"c-{uuid4().hex}"
    for turn in kind.earlier if door.keeps else ():
        kind.script(upstream, turn.replies)
        earlier = await door.ask(http, Asked(kind.name, turn.question, conversation))
        assert not earlier.failed
    kind.script(upstream, replies)
    since = upstream.opened
    asked = Asked(kind.name, kind.question, conversation, kind.pictures)
    answer = await door.ask(http, asked)
    return answer, kind.bodies(upstream, since)


@pytest.mark.parametrize(("row", "door"), CASES)
async def test_answer_differs_from_agno_alone(
    door_client: httpx.AsyncClient,
    upstream: Provider,
    build: Any,
    outcomes: dict[tuple[str, bool], Outcome],
    row: Row,
    door: Door,
) -> None:
    """The content is that of Agno alone, streaming and not; the model sees what the application
    adds, and the client's history; the chunks have what is more than text; a refusal is a 4xx."""
    kind = row.kind
    for stream in (True, False):
        if (kind.name, stream) not in outcomes:
            outcome = await run_alone(kind, upstream, build(kind), stream=stream)
            outcomes[kind.name, stream] = outcome
    streamed, whole = outcomes[kind.name, True], outcomes[kind.name, False]
    answer, bodies = await ask(door_client, upstream, kind, door)

    content = LINK.sub("", answer.content) if door.links else answer.content
    assert (content != answer.content) == (door.links and "media" in kind.shows)
    assert (kind.blocked, kind.blocked) == (streamed.failed, whole.failed)
    assert kind.blocked == answer.failed
    if kind.blocked:
        assert answer.status == 200 or 400 <= answer.status < 500
    else:
        assert same(streamed.content, content)
        assert same(whole.content, content)
        assert "stop" == answer.ending
    if door is SSE:
        assert set() == set(row.shows) - answer.fields
    if kind.requests:
        assert streamed.requests == len(bodies)
    if not (kind.blocked or (kind.earlier and not door.keeps)):
        last = json.dumps(bodies[-1], ensure_ascii=False) if bodies else ""
        for text in kind.seen:
            assert json.dumps(text, ensure_ascii=False)[1:-1] in last
        for text in kind.unseen:
            assert text not in last
        if door.history and kind.history:
            assert PAST in last


@pytest.mark.parametrize(("kind", "fault"), FAULT_CASES)
async def test_ending_hides_fault(
    door_client: httpx.AsyncClient, upstream: Provider, kind: Kind, fault: str
) -> None:
    """A fault of the model that answers is the ending of the run, whatever the application is."""
    changes, door = FAULTS[fault]
    answer, _ = await ask(door_client, upstream, kind, door, kind.with_fault(**changes))

    assert CODES.get(fault) == answer.code
    assert (fault in CODES) == answer.failed
    if fault == "length":
        assert "length" == answer.ending


def same(expected: Any, content: str) -> bool:
    """Whether a door's text is Agno's content; objects are compared as JSON values."""
    if isinstance(expected, str):
        return expected == content
    return bool(expected == (json.loads(content) if content else None))
