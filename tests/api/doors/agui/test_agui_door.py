"""The AG-UI door: runs and their events, resumed from each of them."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.run import RunContext
from agno.team import Team
from agno.workflow import Step, Workflow
from httpx_sse import EventSource

from tests.api.doors.agui.oracles import (
    Event,
    body,
    check,
    of_type,
    outcome_of,
    read,
    run,
    text_of,
    thoughts_of,
)
from tests.applications.teams import delegate
from tests.applications.tools import shout
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, SERVER_ERROR, Reply, numbered
from tests.server import Server

ALICE, BOB = "alice-key-0123456789", "bob-key-0123456789"
CALLED = [
    Reply("Wait. ", reasoning="Hm. ", tool_calls=[("shout", '{"text": "hé"}')]),
    Reply("It said HÉ."),
]


def remember(run_context: RunContext, word: str) -> str:
    """Remember a word."""
    state = run_context.session_state
    assert state is not None
    state["words"] = [*state.get("words", []), word]
    return "remembered"


@dataclass(slots=True)
class Site:
    """A server with an agent, a team and a workflow, in front of one provider."""

    provider: Provider
    http: httpx.Client

    def ask(self, text: str = "Hello?", path: str = "/agui", **fields: Any) -> list[Event]:
        return run(self.http, fresh(text, **fields), path)


def fresh(text: str = "Hello?", **fields: Any) -> dict[str, Any]:
    """A request for a new run in a new thread."""
    names = {"threadId": uuid.uuid4().hex, "runId": uuid.uuid4().hex}
    return body(text, **{**names, **fields})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Provider() as provider:

        def model() -> OpenAIChat:
            return OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")

        member = Agent(id="scout", name="Scout", role="Knows all", model=model(), tools=[shout])
        steps: list[Any] = [
            Step(name=name, agent=Agent(id=name, model=model())) for name in ("draft", "last")
        ]
        agents = [
            Agent(id="general", model=model(), tools=[shout, remember]),
            Team(id="team", name="Team", model=model(), members=[member]),
            Workflow(id="flow", name="Flow", steps=steps),
        ]
        settings = {
            "openai_base_url": provider.url,
            "openai_api_key": "sk-0123456789",
            "models": ["openai:other-model"],
            "disconnect_grace": 0.3,
            "heartbeat": 0.2,
            "circuit_failures": 0,
        }
        folder = tmp_path_factory.mktemp("data")
        with (
            Server(folder, agents=agents, **settings) as server,
            httpx.Client(base_url=server.url, timeout=30) as http,
        ):
            yield Site(provider, http)


def get(site: Site, **params: Any) -> httpx.Response:
    """A run as `GET /agui` shows it; a parameter `last` is the event id in the header."""
    headers = {"Last-Event-ID": last} if (last := params.pop("last", None)) else {}
    return site.http.get("/agui", params=params, headers=headers)


def parsed(response: httpx.Response) -> list[tuple[str, Event]]:
    return [] if response.status_code == 204 else read(response)


def test_a_run_has_agui_s_events(site: Site) -> None:
    """Reasoning, text and a tool's call are messages after each other, and the end has the usage;
    the names are those of the client."""
    site.provider.script(*CALLED)
    given = fresh(parentRunId="p")
    events = run(site.http, given)
    assert ("Wait. It said HÉ.", "Hm. ") == (text_of(events), thoughts_of(events))
    for event in (events[0], events[-1]):
        assert (given["threadId"], given["runId"]) == (event["threadId"], event["runId"])
    assert ("1.0", "p") == (events[0]["protocolVersion"], events[0]["parentRunId"])
    assert {"type": "success"} == outcome_of(events)
    [usage] = events[-1]["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    [call] = of_type(events, "TOOL_CALL_START")
    [result] = of_type(events, "TOOL_CALL_RESULT")
    assert ("shout", "HÉ") == (call["toolCallName"], result["content"])
    texts = of_type(events, "TEXT_MESSAGE_START")
    assert call["parentMessageId"] == texts[0]["messageId"]


@pytest.mark.parametrize("again", ["post", "get", "header", "own id"])
def test_a_stream_is_resumed_from_each_event(site: Site, again: str) -> None:
    """Behind each event come the rest, with the same ids; the model is asked once, and a reader
    that has the end is told that nothing is left."""
    site.provider.script(*CALLED)
    given, asked = fresh(), site.provider.opened
    with site.http.stream("POST", "/agui", json=given) as response:
        own = response.headers["x-run-id"]
        events = read(response)
    for number, (name, _) in enumerate(events, start=1):
        if again == "post":
            rest = site.http.post("/agui", json=given, headers={"Last-Event-ID": name})
        elif again == "header":
            rest = get(site, last=name)
        else:
            run_id = given["runId"] if again == "get" else own
            rest = get(site, runId=run_id, offset=name)
        left = events[number:]
        assert (200 if left or again == "post" else 204) == rest.status_code
        assert left == parsed(rest)
    assert asked + 2 == site.provider.opened


def test_a_reader_that_was_cut_off_gets_the_rest_while_it_comes(site: Site) -> None:
    """The run waits for its reader, who sends the request again with the last id it has."""
    words = numbered(20)
    site.provider.script(Reply(words, rate=40))
    given, last = fresh(), None
    seen: list[Event] = []
    while not seen or "RUN_FINISHED" != seen[-1]["type"]:
        headers: dict[str, str] = {"Last-Event-ID": last} if last else {}
        with site.http.stream("POST", "/agui", json=given, headers=headers) as response:
            for count, frame in enumerate(EventSource(response).iter_sse()):
                last = frame.id
                seen.append(json.loads(frame.data))
                if count == 6:
                    break  # the connection is lost
    check(seen)
    assert "".join(words) == text_of(seen)


@pytest.mark.parametrize(
    ("position", "status", "code"),
    [
        ("x", 400, "bad_last_event_id"),
        ("other:1", 400, "bad_last_event_id"),
        ("-2", 400, "bad_last_event_id"),
        ("a:b:1", 400, "bad_last_event_id"),
        ("none:1", 404, "unknown_run"),
    ],
)
def test_positions_that_there_are_not(site: Site, position: str, status: int, code: str) -> None:
    """A position of another run is refused, and a run that is not known starts none."""
    given = fresh()
    run(site.http, given)
    asked = site.provider.opened
    named = {} if status == 404 else {"runId": given["runId"]}
    for response in (
        get(site, offset=position, **named),
        site.http.post(
            "/agui",
            json={**given, "runId": "none"} if status == 404 else given,
            headers={"Last-Event-ID": position},
        ),
    ):
        assert (status, code) == (response.status_code, response.json()["code"]), response.text
    assert asked == site.provider.opened


def test_offsets_of_tanstack_ai(site: Site) -> None:
    """-1 is the beginning, also if it is left out, and `now` the end; a run must be named."""
    given = fresh()
    events = run(site.http, given)
    run_id = given["runId"]
    for params in ({"offset": "-1"}, {}):
        assert events == [event for _, event in parsed(get(site, runId=run_id, **params))]
    assert 204 == get(site, runId=run_id, offset="now").status_code
    for params in ({}, {"offset": "now"}):
        refused = get(site, **params)
        assert (400, "bad_request") == (refused.status_code, refused.json()["code"])
    assert 404 == get(site, runId="none").status_code
    head = site.http.head("/agui", params={"runId": run_id})
    assert (200, b"") == (head.status_code, head.content)


def test_the_same_request_starts_one_run(site: Site) -> None:
    """It gets the same events again; another request with the same run's name is refused."""
    given, asked = fresh(), site.provider.opened
    events = run(site.http, given)
    replayed = site.http.post("/agui", json=given)
    assert "true" == replayed.headers["idempotent-replayed"]
    assert events == [event for _, event in read(replayed)]
    assert asked + 1 == site.provider.opened
    other = site.http.post("/agui", json={**given, "messages": body("Else?")["messages"]})
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["code"])


def test_runs_of_other_doors_are_followed_here_and_ours_there(site: Site) -> None:
    """A run has one log, whatever door it was started on."""
    chat = {"message": "Hello?", "stream": False}
    native = site.http.post("/api/v1/chat", json=chat).json()
    events = [event for _, event in parsed(get(site, runId=native["run_id"]))]
    check(events)
    assert native["content"] == text_of(events)
    assert (native["conversation_id"], native["run_id"]) == (
        events[0]["threadId"],
        events[0]["runId"],
    )
    given = fresh()
    with site.http.stream("POST", "/agui", json=given) as response:
        run_id, mine = response.headers["x-run-id"], [event for _, event in read(response)]
    state = site.http.get(f"/api/v1/runs/{run_id}").json()
    assert (text_of(mine), given["threadId"]) == (state["content"], state["conversation_id"])
    stored = site.http.get(f"/api/v1/conversations/{given['threadId']}").json()["messages"]
    assert ["Hello?", text_of(mine)] == [message["content"] for message in stored]


def test_a_team_speaks_as_subagents(site: Site) -> None:
    """A member is announced with the call that it works for, speaks under its own id, and is closed
    before its team answers."""
    site.provider.script(
        delegate("scout"),
        Reply(tool_calls=[("shout", '{"text": "sun"}')]),
        Reply("I see SUN."),
        Reply("The scout sees sun."),
    )
    events = site.ask(path="/agui/team")
    [started] = of_type(events, "SUBAGENT_STARTED")
    owner = started["subagentRunId"]
    call, inner = of_type(events, "TOOL_CALL_START")
    assert ("Scout", call["toolCallId"]) == (started["name"], started["parentToolCallId"])
    assert (None, owner) == (call.get("subagentRunId"), inner["subagentRunId"])
    assert ("I see SUN.", "The scout sees sun.") == (text_of(events, owner), text_of(events))
    [finished] = of_type(events, "SUBAGENT_FINISHED")
    place = events.index(finished)
    assert text_of(events[place:]) == "The scout sees sun."


def test_a_workflow_has_steps(site: Site) -> None:
    """Each step is one; what a step says before the answer is a subagent's."""
    site.provider.script(Reply("A draft."), Reply("The answer."))
    events = site.ask(path="/agui/flow")
    marks = [(e["type"], e["stepName"]) for e in events if e["type"].startswith("STEP_")]
    assert [
        ("STEP_STARTED", "draft"),
        ("STEP_FINISHED", "draft"),
        ("STEP_STARTED", "last"),
        ("STEP_FINISHED", "last"),
    ] == marks
    [started] = of_type(events, "SUBAGENT_STARTED")
    assert ("A draft.", "The answer.") == (
        text_of(events, started["subagentRunId"]),
        text_of(events),
    )


def test_state_goes_in_and_comes_out(site: Site) -> None:
    """The client's state is the session's, and what the tools have made of it is a snapshot."""
    site.provider.script(Reply(tool_calls=[("remember", '{"word": "whale"}')]), Reply("I have it."))
    events = site.ask(state={"words": ["blue"]})
    [snapshot] = of_type(events, "STATE_SNAPSHOT")
    assert {"words": ["blue", "whale"]} == snapshot["snapshot"]


def test_context_is_for_the_model(site: Site) -> None:
    """Each entry is in a system message of this run, and not in the stored conversation."""
    context = [{"description": "The user's name", "value": "Ada"}, {"value": {"tz": "UTC"}}]
    given = fresh(context=context)
    run(site.http, given)
    messages = site.provider.requests[-1].body["messages"]
    system = json.dumps([m for m in messages if m["role"] in ("system", "developer")])
    assert "The user's name: Ada" in system
    assert "UTC" in system
    stored = site.http.get(f"/api/v1/conversations/{given['threadId']}").text
    assert "Ada" not in stored


@pytest.mark.parametrize(
    ("path", "props", "asked"),
    [
        ("/agui", {}, "m"),
        ("/agui/", {}, "m"),
        ("/agui/general", {}, "m"),
        ("/agui/other-model", {}, "other-model"),
        ("/agui/general", {"model": "other-model"}, "other-model"),
        ("/agui", {"model": "other-model", "x": 1}, "other-model"),
        ("/agui", {"agent": "general", "model": "other-model"}, "other-model"),
        ("/agui", {"model": "general"}, "m"),
        ("/agui/none", {}, None),
        ("/agui", {"agent": "none"}, None),
        ("/agui", {"model": "none"}, None),
        ("/agui/general", {"model": "none"}, None),
    ],
)
def test_who_answers(site: Site, path: str, props: dict[str, Any], asked: str | None) -> None:
    """The address names an agent or a model, and so do `forwardedProps`; an unknown one is
    refused."""
    given = fresh(forwardedProps=props)
    response = site.http.post(path, json=given)
    if asked is None:
        assert (404, "RUN_ERROR") == (response.status_code, response.json()["type"])
        assert "none" in response.json()["message"]
    else:
        check([event for _, event in read(response)])
        assert asked == site.provider.requests[-1].body["model"]


def test_failures_after_the_first_byte_are_events(site: Site) -> None:
    """A run that has begun ends in `RUN_ERROR` with this server's code, and with its text."""
    for replies, text, code in (
        ([INVALID_KEY], "", "model_auth_failed"),
        ([SERVER_ERROR] * 3, "", "model_unavailable"),
        ([Reply("Hello you", cut_after=1)], "Hello ", "upstream_cut"),
        ([Reply("Hello there", error_frame_after=1)], "Hello ", "model_bad_response"),
    ):
        site.provider.script(*replies)
        given = fresh()
        events = run(site.http, given)
        assert ("RUN_STARTED", "RUN_ERROR") == (events[0]["type"], events[-1]["type"])
        assert (text, code) == (text_of(events), events[-1]["code"])
        assert events[-1]["message"]
        last = parsed(get(site, runId=given["runId"]))[-2][0]
        [(_, error)] = parsed(get(site, last=last))
        assert events[-1] == error


def test_a_run_that_is_cancelled_says_so(site: Site) -> None:
    """It is neither a success nor a failure."""
    site.provider.script(Reply(numbered(10), stall_after=2))
    events: list[Event] = []
    with site.http.stream("POST", "/agui", json=fresh()) as response:
        for frame in EventSource(response).iter_sse():
            events.append(json.loads(frame.data))
            if "1 " == events[-1].get("delta"):
                run_id = response.headers["x-run-id"]
                site.http.post(f"/api/v1/runs/{run_id}/cancel")
    check(events)
    assert {"type": "cancelled"} == outcome_of(events)


def test_a_client_that_leaves_stops_its_run(site: Site) -> None:
    """There is no other way to abort one in the protocol: the run waits for the grace, and ends."""
    site.provider.script(Reply(numbered(10), stall_after=2))
    given, aborted = fresh(), site.provider.aborted
    with site.http.stream("POST", "/agui", json=given) as response:
        for frame in EventSource(response).iter_sse():
            if "TEXT_MESSAGE_CONTENT" in frame.data:
                break
    site.provider.wait_for(lambda: site.provider.aborted > aborted)
    events = [event for _, event in parsed(get(site, runId=given["runId"]))]
    assert {"type": "cancelled"} == outcome_of(events)


def test_a_silent_provider(site: Site) -> None:
    """The run's beginning comes at once, then comments, which no reader takes for events."""
    site.provider.script(Reply("At last.", delay_first=0.7))
    with site.http.stream("POST", "/agui", json=fresh()) as response:
        raw = "".join(response.iter_text())
    assert raw.startswith("id: ")
    assert raw.count("\n:\n") + raw.count("\n:\n:\n") >= 2
    frames = EventSource(httpx.Response(200, headers=response.headers, content=raw)).iter_sse()
    assert "At last." == text_of([json.loads(frame.data) for frame in frames])


def test_owners_have_runs_of_their_own(tmp_path: Any, provider: Provider) -> None:
    """Two principals may give a run the same name; neither finds the other's, by any name."""
    keys = f"alice:{ALICE},bob:{BOB}"
    mine, yours = ({"Authorization": f"Bearer {key}"} for key in (ALICE, BOB))
    with Server(tmp_path, api_keys=keys, model="demo") as server:
        address, given = f"{server.url}/agui", body("Hello?")
        first = httpx.post(address, json=given, headers=mine)
        run_id, [(name, _), *_] = first.headers["x-run-id"], read(first)
        assert 401 == httpx.post(address, json=given).status_code
        for params in ({"runId": "r"}, {"runId": run_id}, {"offset": name}):
            assert 404 == httpx.get(address, params=params, headers=yours).status_code
            assert 200 == httpx.get(address, params=params, headers=mine).status_code
        headers = {**yours, "Last-Event-ID": name}
        assert (
            404 == httpx.post(address, json={**given, "runId": run_id}, headers=headers).status_code
        )
        second = httpx.post(address, json=given, headers=yours)
        assert run_id != second.headers["x-run-id"]
        check([event for _, event in read(second)])


def test_a_full_server_refuses_before_the_run(tmp_path: Any, provider: Provider) -> None:
    """The refusal has a status, a time to wait, and the protocol's shape of an error."""
    agent = Agent(id="a", model=OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789"))
    provider.script(Reply(numbered(3), stall_after=1))
    with (
        Server(tmp_path, agents=[agent], rate_limit="1/minute") as server,
        contextlib.ExitStack() as stack,
    ):
        address = f"{server.url}/agui"
        stack.enter_context(httpx.stream("POST", address, json=fresh()))
        refused = httpx.post(address, json=fresh())
        assert (429, "RUN_ERROR", "rate_limited") == (
            refused.status_code,
            refused.json()["type"],
            refused.json()["code"],
        )
        assert int(refused.headers["retry-after"]) > 0
        provider.go_on()
