"""Who may decide, once: the list of paused runs, approvers, other processes, restarts, notices."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import tables
from tests.pauses.kinds import KINDS, RAN, PauseKind
from tests.pauses.parts import ask, decisions, events, go_on, paused
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server
from tests.services import PostgresServer, RedisServer

APPROVAL = KINDS[0]
KEYS = {
    "api_keys": "ann:key-of-ann-0123456789,bob:key-of-bob-0123456789,eve:key-of-eve-0123456789",
    "approvers": ["bob"],
}


def by(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer key-of-{name}-0123456789"}


@pytest.fixture
def server(provider: Provider, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, agents=[APPROVAL.component(provider)]) as running:
        yield running


@pytest.fixture
def guarded(provider: Provider, tmp_path: Path) -> Iterator[Server]:
    """A server with keys, where bob may decide for the others."""
    with Server(tmp_path, agents=[APPROVAL.component(provider)], **KEYS) as running:
        yield running


def listed(url: str, headers: Any = None, **query: str) -> list[dict[str, Any]]:
    query = {"status": "paused", **query}
    response = httpx.get(f"{url}/api/v1/runs", params=query, headers=headers, timeout=30)
    runs: list[dict[str, Any]] = response.json()["runs"]
    return runs


def test_a_hundred_paused_runs_are_listed(server: Server, provider: Provider) -> None:
    """All that wait are listed, oldest first, with what they wait for; one conversation's alone if
    that is asked."""
    first = [paused(server, provider, APPROVAL) for _ in range(100)]
    runs = listed(server.url)
    assert [run["run_id"] for run in first] == [run["run_id"] for run in runs]
    assert [run["requirements"] for run in first] == [run["requirements"] for run in runs]
    one = listed(server.url, conversation_id=first[7]["conversation_id"])
    assert [first[7]["run_id"]] == [run["run_id"] for run in one]
    assert [] == httpx.get(f"{server.url}/api/v1/runs").json()["runs"]


def test_an_unknown_status_is_refused(server: Server) -> None:
    """A status that no run has is refused, and the known ones are named."""
    response = httpx.get(f"{server.url}/api/v1/runs?status=waiting")
    assert (422, True) == (response.status_code, "paused" in response.text)


WRONG: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "none": lambda item: [],
    "unknown": lambda item: [{"id": "nobody", "confirmed": True}],
    "unknown too": lambda item: [{"id": item, "confirmed": True}, {"id": "nobody"}],
    "twice": lambda item: [{"id": item, "confirmed": True}, {"id": item, "confirmed": False}],
    "no verdict": lambda item: [{"id": item, "note": "hm"}],
    "another kind": lambda item: [{"id": item, "result": "it ran"}],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_decisions_are_named(server: Server, provider: Provider, wrong: str) -> None:
    """Decisions that do not fit are refused with their ids, and the run still waits."""
    first = paused(server, provider, APPROVAL)
    [item] = first["requirements"]
    made = WRONG[wrong](item["id"])
    response = go_on(server.url, first["run_id"], made)
    error = response.json()["error"]
    assert (422, "invalid_decision") == (response.status_code, error["code"])
    expected = "nobody" if "unknown" in wrong else item["id"]
    assert expected in error["decisions"]
    assert [first["run_id"]] == [run["run_id"] for run in listed(server.url)]


STRANGE = ["\ud800", "a\0b", {"\ud800": 1}, [["\0"]], 10**400]


def test_values_that_cannot_be_stored(server: Server, provider: Provider) -> None:
    """A result, a note or a value with half a character, with a NUL or with a number beyond all
    bounds is refused, and the run still waits."""
    first = paused(server, provider, APPROVAL)
    [item] = first["requirements"]
    fields = [("result", value) for value in STRANGE]
    fields += [("note", value) for value in STRANGE[:2]]
    fields += [("values", {"a": value}) for value in STRANGE]
    url = f"{server.url}/api/v1/runs/{first['run_id']}/continue"
    for name, value in fields:
        body = {"decisions": [{"id": item["id"], "confirmed": True, name: value}]}
        response = httpx.post(url, content=json.dumps(body))
        code = response.json()["error"]["code"]
        assert (422, "invalid_field") == (response.status_code, code), (name, value)
    assert [first["run_id"]] == [run["run_id"] for run in listed(server.url)]


def test_a_run_that_does_not_wait_is_not_continued(server: Server, provider: Provider) -> None:
    """A run that has ended otherwise is 409, one that never was 404."""
    provider.script(Reply("Hello."))
    over = ask(server.url, APPROVAL.name).json()
    response = go_on(server.url, over["run_id"], [])
    assert (409, "not_paused") == (response.status_code, response.json()["error"]["code"])
    assert 404 == go_on(server.url, "never", []).status_code


def test_the_same_decision_twice_at_once(server: Server, provider: Provider) -> None:
    """Of decisions that arrive at once one continues the run, and the tool runs once; the others
    are told by whom."""
    first = paused(server, provider, APPROVAL)
    provider.script(*APPROVAL.after)
    made = decisions(APPROVAL, first["requirements"])
    RAN.clear()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: go_on(server.url, first["run_id"], made), range(8)))
    [won] = [response.json() for response in found if response.status_code == 200]
    lost = [response for response in found if response.status_code != 200]
    assert {409} == {response.status_code for response in lost}
    assert {won["run_id"]} == {response.json()["error"]["continued_by"] for response in lost}
    assert ["Oslo"] == RAN


def test_a_decision_at_once_at_another_process(
    server: Server, provider: Provider, tmp_path: Path
) -> None:
    """Who has got the end of a paused run can decide at once, at another process, before the first
    one has written it."""
    body = {"message": "Please.", "agent": APPROVAL.name}
    with Server(tmp_path, agents=[APPROVAL.component(provider)]) as other:
        for _ in range(3):
            provider.script(*APPROVAL.before, *APPROVAL.after)
            chunks = events(f"{server.url}/api/v1/chat", body, "application/x-ndjson")
            run_id, requirements = chunks[0]["run_id"], chunks[-1]["requirements"]
            response = go_on(other.url, run_id, decisions(APPROVAL, requirements))
            assert (200, APPROVAL.answer) == (response.status_code, response.json().get("content"))
        provider.script(Reply(["Hm. "] * 100, rate=20))
        start = httpx.post(f"{server.url}/api/v1/chat", json={**body, "background": True}).json()
        busy = go_on(other.url, start["run_id"], [])
        assert (409, "not_paused") == (busy.status_code, busy.json()["error"]["code"])
        httpx.post(f"{server.url}/api/v1/runs/{start['run_id']}/cancel")


def test_the_same_request_again_gets_the_same_run(server: Server, provider: Provider) -> None:
    """With an Idempotency-Key a decision may be sent again, at once and later: it is one run."""
    first = paused(server, provider, APPROVAL)
    provider.script(*APPROVAL.after)
    made = decisions(APPROVAL, first["requirements"])
    key = {"Idempotency-Key": "once"}
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: go_on(server.url, first["run_id"], made, key), range(4)))
    found.append(go_on(server.url, first["run_id"], made, key))
    assert {200} == {response.status_code for response in found}
    assert 1 == len({response.json()["run_id"] for response in found})
    assert "true" == found[-1].headers["Idempotent-Replayed"]
    other = [{**made[0], "confirmed": False}]
    assert 422 == go_on(server.url, first["run_id"], other, key).status_code


def test_only_owners_and_approvers_decide(guarded: Server, provider: Provider) -> None:
    """A paused run is its owner's and the approvers', and unknown to all others."""
    provider.script(*APPROVAL.before)
    first = httpx.post(
        f"{guarded.url}/api/v1/chat",
        json={"message": "Please.", "agent": APPROVAL.name, "stream": False},
        headers=by("ann"),
    ).json()
    assert [] == listed(guarded.url, by("eve"))
    [run] = listed(guarded.url, by("ann"))
    assert "principal" not in run
    [seen] = listed(guarded.url, by("bob"))
    assert ("ann", first["requirements"]) == (seen["principal"], seen["requirements"])
    made = decisions(APPROVAL, first["requirements"])
    assert 404 == go_on(guarded.url, first["run_id"], made, by("eve")).status_code
    provider.script(*APPROVAL.after)
    second = go_on(guarded.url, first["run_id"], made, by("bob")).json()
    assert APPROVAL.answer == second["content"]
    state = httpx.get(f"{guarded.url}/api/v1/runs/{second['run_id']}", headers=by("ann")).json()
    assert ("completed", first["run_id"]) == (state["status"], state["continues"])
    assert (
        404
        == httpx.get(f"{guarded.url}/api/v1/runs/{second['run_id']}", headers=by("bob")).status_code
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("stores", ["files", "servers"])
def test_another_process_continues_after_a_restart(
    request: pytest.FixtureRequest,
    provider: Provider,
    tmp_path: Path,
    kind: PauseKind,
    stores: str,
) -> None:
    """A run that pauses at one process is continued by another one, after both have been
    restarted."""
    settings: dict[str, Any] = {}
    if stores == "servers":
        if kind not in (KINDS[0], KINDS[6], KINDS[8]):
            return
        redis: RedisServer = request.getfixturevalue("redis_server")
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        settings = {"journal_url": redis.empty(), "database_url": tables.postgresql(postgres)}

    def start() -> Server:
        return Server(tmp_path, agents=[kind.component(provider)], **settings)

    with start() as one, start():
        first = paused(one, provider, kind)
    with start(), start() as other:
        [run] = listed(other.url)
        assert first["run_id"] == run["run_id"]
        provider.script(*kind.after)
        made = decisions(kind, run["requirements"])
        second = go_on(other.url, run["run_id"], made).json()
    assert (kind.answer, first["run_id"]) == (second.get("content"), second.get("continues"))


def test_the_conversation_is_deleted_meanwhile(server: Server, provider: Provider) -> None:
    """With a conversation its runs are deleted, so that a decision on one of them finds none."""
    first = paused(server, provider, APPROVAL)
    httpx.delete(f"{server.url}/api/v1/conversations/{first['conversation_id']}")
    made = decisions(APPROVAL, first["requirements"])
    response = go_on(server.url, first["run_id"], made)
    assert (404, "unknown_run") == (response.status_code, response.json()["error"]["code"])


class Receiver:
    """An HTTP server that takes notices; the first `failures` of them it does not accept."""

    def __init__(self, failures: int) -> None:
        self.notices: list[tuple[dict[str, str], bytes]] = []
        self.got = threading.Semaphore(0)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.notices.append((headers, body))
                self.send_response(503 if len(outer.notices) <= failures else 204)
                self.end_headers()
                outer.got.release()

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> "Receiver":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_a_notice_of_a_pause_is_signed_and_sent_again(provider: Provider, tmp_path: Path) -> None:
    """PAUSE_WEBHOOK is sent a signed notice of each paused run, again if it is not accepted."""
    with (
        Receiver(failures=1) as receiver,
        Server(
            tmp_path,
            agents=[APPROVAL.component(provider)],
            pause_webhook=receiver.url,
            pause_webhook_secret="a secret",
            public_url="https://example.org/assistant",
        ) as server,
    ):
        first = paused(server, provider, APPROVAL)
        provider.script(Reply("Hello."))
        ask(server.url, APPROVAL.name)  # not paused
        for _ in range(2):
            assert receiver.got.acquire(timeout=20)
    assert 2 == len(receiver.notices)
    headers, body = receiver.notices[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(b"a secret", signed, hashlib.sha256).digest()).decode()
    assert f"v1,{digest}" == headers["webhook-signature"]
    notice = json.loads(body)
    assert ("run.paused", first["run_id"]) == (notice["type"], notice["data"]["run_id"])
    assert first["requirements"] == notice["data"]["requirements"]
    path = f"/assistant/api/v1/runs/{first['run_id']}/continue"
    assert (path, f"https://example.org{path}") == (
        notice["data"]["continue_path"],
        notice["data"]["continue_url"],
    )


def test_a_webhook_that_is_away_delays_nothing(provider: Provider, tmp_path: Path) -> None:
    """A run pauses, and the server stops, though nobody takes its notice."""
    with Server(
        tmp_path,
        agents=[APPROVAL.component(provider)],
        pause_webhook="http://127.0.0.1:9/hook",
        pause_webhook_secret="a secret",
    ) as server:
        assert paused(server, provider, APPROVAL)["requirements"]
