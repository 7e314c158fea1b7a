"""Pauses at the AI SDK door, as a page decides on them."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from app.core.pauses import YES_OR_NO
from tests.api.doors.ai_sdk.page import API, Page, read, said
from tests.pauses.kinds import DONE, KINDS, RAN, PauseKind
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

APPROVAL = KINDS[0]
QUESTION = said("Please.")


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with all kinds."""
    agents = [kind.component(provider) for kind in KINDS]
    with Server(tmp_path_factory.mktemp("data"), agents=agents) as running:
        yield running


@pytest.fixture
def http(server: Server, provider: Provider) -> Iterator[httpx.Client]:
    provider.requests.clear()
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


CHATS = count()


@pytest.fixture
def chat() -> str:
    return f"chat-{next(CHATS)}"


def post(http: httpx.Client, chat: str, kind: PauseKind, *messages: Any) -> httpx.Response:
    body = {"id": chat, "messages": list(messages), "model": kind.name}
    return http.post(API, content=json.dumps(body))


def decide(page: Page, kind: PauseKind, *, yes: bool = True) -> Page:
    """Answer on all calls, as `addToolApprovalResponse` and `addToolOutput` do."""
    for part, requirement in zip(
        [part for part in page.tools if not part["state"].startswith("output-")],
        page.data("requirement"),
        strict=True,
    ):
        made = kind.decide(requirement)
        if requirement["kind"] in YES_OR_NO:
            assert "approval-requested" == part["state"]
            part["state"] = "approval-responded"
            part["approval"] |= {"approved": yes, "reason": None if yes else "Not today."}
        elif yes:
            assert ("input-available", False) == (part["state"], part["providerExecuted"])
            output = made.get("values") or made.get("answers") or made.get("result")
            part |= {"state": "output-available", "output": output}
        else:
            part |= {"state": "output-error", "errorText": "Not today."}
    page.done, page.finish = False, None
    return page


@pytest.mark.parametrize(
    ("kind", "alone"),
    [(kind, bool(n % 2)) for n, kind in enumerate(KINDS)],
    ids=[kind.name for kind in KINDS],
)
def test_a_page_decides(
    kind: PauseKind, alone: bool, http: httpx.Client, chat: str, provider: Provider
) -> None:
    """The page sees what waits as a call, answers on it, and gets the rest in the same message; for
    every other kind it sends its last message alone."""
    provider.script(*kind.before)
    page = read(post(http, chat, kind, QUESTION))
    assert ("tool-calls", "paused") == (page.finish, page.metadata["finishReason"])
    [requirement] = page.data("requirement")
    assert kind.requirement["kind"] == requirement["kind"]
    if tool := kind.requirement.get("tool"):
        last = page.tools[-1]
        assert (f"tool-{tool['name']}", tool["arguments"]) == (last["type"], last["input"])
    decide(page, kind)
    provider.script(*kind.after)
    sent = [page.message] if alone else [QUESTION, page.message]
    read(post(http, chat, kind, *sent), page)
    edits = "result" in kind.decide({}) and kind.requirement["kind"] in YES_OR_NO
    assert page.text.endswith(kind.answer)
    bodies = json.dumps([request.body for request in provider.requests])
    assert edits or kind.seen in bodies + page.text
    assert {"output-available"} == {part["state"] for part in page.tools}
    assert "stop" == page.finish


@pytest.mark.parametrize("kind", [k for k in KINDS if k.denial], ids=lambda kind: kind.name)
def test_a_refusal(kind: PauseKind, http: httpx.Client, chat: str, provider: Provider) -> None:
    """A no is told to the model, with its reason, and the tool does not run."""
    provider.script(*kind.before)
    page = read(post(http, chat, kind, QUESTION))
    RAN.clear()
    provider.script(*kind.again)
    read(post(http, chat, kind, QUESTION, decide(page, kind, yes=False).message), page)
    assert [] == RAN
    assert kind.denial in json.dumps([request.body for request in provider.requests])
    assert {"output-denied", "output-error", "output-available"} >= {
        part["state"] for part in page.tools
    }


def test_a_page_that_is_loaded_anew_gets_the_whole_message(
    http: httpx.Client, chat: str, provider: Provider
) -> None:
    """While the continuation is written, a replay has the message from its first chunk on, with
    the decision, and nobody is asked again."""
    provider.script(*APPROVAL.before)
    page = read(post(http, chat, APPROVAL, QUESTION))
    decide(page, APPROVAL)
    provider.script(Reply("It is done.", delay_first=1.0))
    body = {"id": chat, "messages": [page.message], "model": APPROVAL.name}
    with http.stream("POST", API, json=body) as going:
        with http.stream("GET", f"{API}/{chat}/stream") as again:
            again.read()
            replay = read(again)
        going.read()
    read(going, page)
    assert (
        page.message["parts"]
        == [{k: v for k, v in part.items() if k != "approval"} for part in replay.parts]
        or page.text == replay.text
    )
    assert (page.id, "Let me see. It is done.") == (replay.id, replay.text)
    assert ["output-available"] == [part["state"] for part in replay.tools]
    assert 204 == http.get(f"{API}/{chat}/stream").status_code


def test_the_same_decision_twice_continues_once(
    http: httpx.Client, chat: str, provider: Provider
) -> None:
    """A page that lost the answer sends its decision again, and gets the same run; another
    decision is refused."""
    provider.script(*APPROVAL.before)
    page = read(post(http, chat, APPROVAL, QUESTION))
    message = decide(page, APPROVAL).message
    RAN.clear()
    provider.script(DONE)
    first, second = (post(http, chat, APPROVAL, QUESTION, message) for _ in range(2))
    assert first.text == second.text
    assert ["Oslo"] == RAN
    message["parts"][-2]["approval"]["approved"] = False
    other = post(http, chat, APPROVAL, QUESTION, message)
    assert (409, "not_paused") == (other.status_code, other.headers["x-error-code"])


def test_decisions_that_cannot_be(http: httpx.Client, chat: str, provider: Provider) -> None:
    """Unknown requests, a wrong one and a missing one are refused by name, and then it goes on."""
    provider.script(Reply("", tool_calls=[("refund", '{"city": "Oslo"}')] * 2))
    page = read(post(http, chat, APPROVAL, QUESTION))
    first, second = page.tools
    asked = [dict(first), dict(second)]
    decide(page, APPROVAL)
    ids = [part["approval"]["id"] for part in page.tools]
    for changed in ("none", "none_x", f"{ids[1]}x", ""):
        second["approval"]["id"] = changed
        reply = post(http, chat, APPROVAL, QUESTION, page.message)
        assert 400 <= reply.status_code < 500, changed
        assert reply.text
    second |= asked[1]
    reply = post(http, chat, APPROVAL, QUESTION, page.message)
    assert "is missing" in reply.text
    second |= {"state": "approval-responded", "approval": {"id": ids[1], "approved": False}}
    provider.script(DONE)
    read(post(http, chat, APPROVAL, QUESTION, page.message), page)
    assert ["output-available", "output-denied"] == [part["state"] for part in page.tools]


def test_a_new_question_leaves_the_pause(http: httpx.Client, chat: str, provider: Provider) -> None:
    """Who asks on has not decided: the call is not shown to the model, and waits."""
    provider.script(*APPROVAL.before)
    page = read(post(http, chat, APPROVAL, QUESTION))
    provider.script(Reply("Fine."))
    other = read(post(http, chat, APPROVAL, QUESTION, page.message, said("Never mind.")))
    assert "Fine." == other.text
    roles = [message["role"] for message in provider.requests[-1].body["messages"]]
    assert ["user", "assistant", "user"] == roles
    waiting = http.get(f"/api/v1/runs?status=paused&conversation_id={chat}").json()["runs"]
    assert [page.metadata["runId"]] == [run["run_id"] for run in waiting]
