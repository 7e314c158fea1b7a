"""Pauses at the AG-UI door: interrupts, and the run that goes on from them exactly once."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # it has none
import pytest

from tests.api.doors.agui.oracles import (
    Event,
    body,
    messages_of,
    of_type,
    outcome_of,
    read,
    run,
    text_of,
)
from tests.pauses.kinds import BURNING, DONE, KINDS, RAN, PauseKind, calls
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

USER: dict[str, Any] = {"id": "u", "role": "user", "content": "Please."}
APPROVAL = KINDS[0]
EXTERNAL = next(kind for kind in KINDS if kind.name == "external")
PERSONS = [kind for kind in KINDS if kind.name != "external"]


@dataclass(slots=True)
class Paused:
    """A run that waits, and what its client has then."""

    given: dict[str, Any]
    events: list[Event]

    @property
    def interrupts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = outcome_of(self.events)["interrupts"]
        return found

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [USER, *messages_of(self.events)]

    def next(self, **fields: Any) -> dict[str, Any]:
        """The client's next request in the thread."""
        names = {"threadId": self.given["threadId"], "runId": uuid.uuid4().hex}
        return body("", **{**names, "messages": self.messages, **fields})

    def answers(self, payload: Any = None, **fields: Any) -> list[dict[str, Any]]:
        """The same answer to each interrupt."""
        entry = {"status": "resolved", "payload": payload, **fields}
        return [{"interruptId": item["id"], **entry} for item in self.interrupts]


@dataclass(slots=True)
class Site:
    """A server with an agent, a team or a workflow for each kind of pause."""

    provider: Provider
    http: httpx.Client

    def pause(self, kind: PauseKind, *before: Reply, **fields: Any) -> Paused:
        self.provider.script(*(before or kind.before))
        names = {"threadId": uuid.uuid4().hex, "runId": uuid.uuid4().hex}
        given = body("", **names, messages=[USER], **fields)
        return Paused(given, run(self.http, given, f"/agui/{kind.name}"))

    def go_on(self, given: dict[str, Any], *after: Reply, path: str = "/agui") -> list[Event]:
        self.provider.script(*after)
        return run(self.http, {"resume": [], **given}, path)

    def refused(self, given: dict[str, Any]) -> tuple[int, str]:
        response = self.http.post("/agui", json=given)
        assert response.status_code >= 400, response.text
        return response.status_code, response.json()["code"]

    @property
    def bodies(self) -> str:
        return json.dumps([request.body for request in self.provider.requests])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Provider() as provider:
        agents = [kind.component(provider) for kind in KINDS]
        with (
            Server(tmp_path_factory.mktemp("data"), agents=agents) as server,
            httpx.Client(base_url=server.url, timeout=30) as http,
        ):
            yield Site(provider, http)


def payload_of(kind: PauseKind) -> dict[str, Any]:
    """The answer of a client to a kind's interrupt, made from its decision."""
    made = kind.decide({})
    if "confirmed" in made:
        edited = {"output": made["result"]} if "result" in made else {}
        return {"approved": made["confirmed"], **edited}
    found: dict[str, Any] = made.get("values") or made.get("answers") or made
    return {k: v[0] if isinstance(v, list) else v for k, v in found.items()}


@pytest.mark.parametrize("kind", PERSONS, ids=lambda kind: kind.name)
def test_a_person_is_asked_by_an_interrupt(site: Site, kind: PauseKind) -> None:
    """The interrupt has its call, if it is about one, and a schema of its answer; the next run
    with the answer is the rest of the paused one, and shows no call twice."""
    BURNING.append(True)
    paused = site.pause(kind)
    [item] = paused.interrupts
    assert item["message"]
    shown = {e["toolCallId"]: e for e in of_type(paused.events, "TOOL_CALL_START")}
    if tool := kind.requirement.get("tool"):
        call = shown[item["toolCallId"]]
        assert (tool["name"], item.get("subagentRunId")) == (
            call["toolCallName"],
            call.get("subagentRunId"),
        )
        [arguments] = [
            e["delta"]
            for e in of_type(paused.events, "TOOL_CALL_ARGS")
            if e["toolCallId"] == item["toolCallId"]
        ]
        assert tool["arguments"] == json.loads(arguments)
    answer = payload_of(kind)
    jsonschema.validate(answer, item["responseSchema"])
    rest = site.go_on(paused.next(resume=paused.answers(answer)), *kind.after)
    assert kind.answer == text_of(rest)
    assert kind.seen in site.bodies + text_of(rest) + json.dumps(rest)
    again = {e["toolCallId"] for e in of_type(rest, "TOOL_CALL_START")}
    assert set() == again & shown.keys()
    if kind.requirement.get("tool"):
        results = [e["toolCallId"] for e in of_type(rest, "TOOL_CALL_RESULT")]
        assert item["toolCallId"] in results


def test_a_member_that_waits_is_suspended(site: Site) -> None:
    """The subagent's segment ends with its interrupt, and goes on under the same id."""
    member = next(kind for kind in KINDS if kind.name == "member")
    paused = site.pause(member)
    [item] = paused.interrupts
    [finished] = of_type(paused.events, "SUBAGENT_FINISHED")
    assert {"type": "suspended", "interruptIds": [item["id"]]} == finished["outcome"]
    assert item["subagentRunId"] == finished["subagentRunId"]
    rest = site.go_on(paused.next(resume=paused.answers({"approved": True})), *member.after)
    [started] = of_type(rest, "SUBAGENT_STARTED")
    assert item["subagentRunId"] == started["subagentRunId"]


@pytest.mark.parametrize("answer", [True, {"approved": True}, {"confirmed": True}])
def test_a_yes_in_the_words_of_clients(site: Site, answer: Any) -> None:
    """A truth value is enough, and the field has several names."""
    paused = site.pause(APPROVAL)
    rest = site.go_on(paused.next(resume=paused.answers(answer)), DONE)
    assert "It is done." == text_of(rest)


@pytest.mark.parametrize("abandoned", [True, False])
@pytest.mark.parametrize(
    "kind",
    [k for k in PERSONS if k.denial and k.name not in ("member", "input-of-agent", "feedback")],
    ids=lambda kind: kind.name,
)
def test_a_refusal(site: Site, kind: PauseKind, abandoned: bool) -> None:
    """A no, and an interrupt that is abandoned: the tool does not run, and the model is told."""
    paused = site.pause(kind)
    RAN.clear()
    entry = (
        {"status": "cancelled"}
        if abandoned
        else {"payload": {"approved": False, "note": "Not today."}}
    )
    site.go_on(paused.next(resume=paused.answers(**entry)), *kind.again)
    assert [] == RAN
    last = json.dumps(site.provider.requests[-1].body)
    assert ("The user refused." if abandoned else "Not today.") in last


@pytest.mark.parametrize("name", ["approval", "router"])
def test_a_new_question_rather_than_an_answer(site: Site, name: str) -> None:
    """Who abandons the interrupts may say something else at once: the model gets it with the
    refusal, or as the question of a new run if the pause cannot be refused."""
    kind = next(kind for kind in KINDS if kind.name == name)
    paused = site.pause(kind)
    RAN.clear()
    new = {"id": "u2", "role": "user", "content": "Tell me of whales."}
    resume = paused.answers(status="cancelled")
    given = paused.next(resume=resume, messages=[*paused.messages, new])
    replies = [Reply("They are blue.")] if name == "approval" else []
    events = site.go_on(given, *replies, path=f"/agui/{name}")
    assert [] == RAN
    if name == "approval":
        assert "They are blue." == text_of(events)
        assert "Tell me of whales." in json.dumps(site.provider.requests[-1].body)
    else:
        assert "interrupt" == outcome_of(events)["type"]  # the new run has its own


def test_a_run_goes_on_exactly_once(site: Site) -> None:
    """The same request again gets the same run, and resumes it from each event; another one is
    refused."""
    paused = site.pause(APPROVAL)
    given = paused.next(resume=paused.answers({"approved": True}))
    RAN.clear()
    site.provider.script(DONE)
    events = read(site.http.post("/agui", json=given))
    assert events == read(site.http.post("/agui", json=given))
    for number, (name, _) in enumerate(events, start=1):
        rest = site.http.post("/agui", json=given, headers={"Last-Event-ID": name})
        assert events[number:] == read(rest)
    assert (409, "not_paused") == site.refused({**given, "runId": "another"})
    assert ["Oslo"] == RAN


def test_answers_that_cannot_be(site: Site) -> None:
    """Unknown interrupts, those of other threads, missing and odd answers are refused before the
    run starts, and the pause is still there for a good one."""
    paused = site.pause(APPROVAL, Reply("", tool_calls=[("refund", '{"city": "Oslo"}')] * 2))
    both = paused.answers({"approved": True})
    edited = paused.answers({"approved": True, "editedArgs": {"city": "Rome"}})
    for resume, status in (
        (both[:1], 422),
        (paused.answers({}), 422),
        (paused.answers("yes"), 422),
        (edited, 422),
        ([*both, *both[:1]], 422),
        ([*both, {**both[0], "interruptId": both[0]["interruptId"] + "x"}], 422),
        ([{**both[0], "interruptId": "int_none_x"}], 404),
    ):
        assert status == site.refused(paused.next(resume=resume))[0], resume
    broken = {"type": "image", "source": {"type": "data", "value": "?", "mimeType": "image/png"}}
    messages = [{**USER, "content": [broken]}, *paused.messages]
    assert 422 == site.refused(paused.next(resume=both, messages=messages))[0]
    assert 422 == site.refused({**paused.next(resume=both), "threadId": "other"})[0]
    same = paused.answers({"approved": True, "editedArgs": {"city": "Oslo"}})
    assert "It is done." == text_of(site.go_on(paused.next(resume=same), DONE))


def test_a_tool_that_runs_elsewhere_is_the_clients(site: Site) -> None:
    """Its call is left open for the client, whose tool message continues the paused run; the
    result is not sent back to it."""
    paused = site.pause(EXTERNAL)
    outcome = outcome_of(paused.events)
    [call] = outcome["pendingToolCallIds"]
    message = {"id": "t", "role": "tool", "toolCallId": call, "content": "it ran elsewhere"}
    given = paused.next(messages=[*paused.messages, message])
    rest = site.go_on(given, *EXTERNAL.after)
    assert EXTERNAL.answer == text_of(rest)
    assert [] == of_type(rest, "TOOL_CALL_RESULT")
    assert EXTERNAL.seen in json.dumps(site.provider.requests[-1].body)
    waiting = site.http.get("/api/v1/runs", params={"status": "paused"}).json()["runs"]
    assert paused.given["threadId"] not in [run["conversation_id"] for run in waiting]


def test_a_frontend_tool_beside_an_approval(site: Site) -> None:
    """The client's own call is open beside the interrupt; both are answered at once."""
    both = Reply("", tool_calls=[("refund", '{"city": "Oslo"}'), ("beep", "{}")])
    tool = {"name": "beep", "description": "Beep", "parameters": {"type": "object"}}
    paused = site.pause(APPROVAL, both, tools=[tool])
    [item] = paused.interrupts
    results = {e["toolCallId"] for e in of_type(paused.events, "TOOL_CALL_RESULT")}
    started = {e["toolCallId"]: e for e in of_type(paused.events, "TOOL_CALL_START")}
    [beep] = started.keys() - results - {item["toolCallId"]}
    assert "beep" == started[beep]["toolCallName"]
    message = {"id": "t", "role": "tool", "toolCallId": beep, "content": "it beeped"}
    resume = paused.answers({"approved": True})
    assert 422 == site.refused(paused.next(resume=resume))[0]
    given = paused.next(messages=[*paused.messages, message], resume=resume, tools=[tool])
    rest = site.go_on(given, DONE)
    assert "It is done." == text_of(rest)
    assert [item["toolCallId"]] == [e["toolCallId"] for e in of_type(rest, "TOOL_CALL_RESULT")]
    last = json.dumps(site.provider.requests[-1].body)
    assert ("it beeped" in last, "refunded Oslo" in last) == (True, True)


def test_a_pause_is_decided_on_any_door(site: Site) -> None:
    """A run that paused here goes on there, and the other way round."""
    paused = site.pause(APPROVAL)
    [item] = paused.interrupts
    run_id, requirement = item["id"].removeprefix("int_").split("_")
    made = {"decisions": [{"id": requirement, "confirmed": True}], "stream": False}
    site.provider.script(DONE)
    done = site.http.post(f"/api/v1/runs/{run_id}/continue", json=made).json()
    assert "It is done." == done["content"]
    site.provider.script(*APPROVAL.before)
    asked = {"message": "Please.", "agent": APPROVAL.name, "stream": False}
    native = site.http.post("/api/v1/chat", json=asked).json()
    name = f"int_{native['run_id']}_{native['requirements'][0]['id']}"
    resume = [{"interruptId": name, "status": "resolved", "payload": {"approved": True}}]
    given = body("", threadId=native["conversation_id"], messages=[USER], resume=resume)
    assert "It is done." == text_of(site.go_on(given, DONE))


def test_a_turn_that_paused_is_stored_once(site: Site) -> None:
    """The thread's conversation has the question, and the whole answer."""
    paused = site.pause(APPROVAL, calls("refund"))
    site.go_on(paused.next(resume=paused.answers({"approved": True})), DONE)
    found = site.http.get(f"/api/v1/conversations/{paused.given['threadId']}").json()["messages"]
    assert [("user", "Please."), ("assistant", "It is done.")] == [
        (message["role"], message["content"]) for message in found
    ]
