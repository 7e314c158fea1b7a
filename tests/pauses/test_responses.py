"""Pauses at the Responses door, as OpenAI's client and its Agents SDK see them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from agents import Agent as SdkAgent
from agents import HostedMCPTool, OpenAIResponsesModel, RunConfig, Runner
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response
from openai.types.responses.response_output_item import McpApprovalRequest

from app.core.pauses import YES_OR_NO
from tests.api.doors.responses.oracles import OPENAI, is_complete
from tests.pauses.kinds import DONE, KINDS, RAN, PauseKind
from tests.pauses.parts import decisions, go_on
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

APPROVAL = KINDS[0]
EXTERNAL = next(kind for kind in KINDS if kind.name == "external")
ASKED = [kind for kind in KINDS if kind.requirement["kind"] in YES_OR_NO]
TOLD = [kind for kind in KINDS if kind.requirement["kind"] not in {*YES_OR_NO, "external"}]


@pytest.fixture
def server(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Iterator[Server]:
    fixed = request.fixturenames
    kind: PauseKind = request.getfixturevalue("kind") if "kind" in fixed else APPROVAL
    with Server(tmp_path, agents=[kind.component(provider)]) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: OpenAI, kind: PauseKind, given: Any = "Please.", **fields: Any) -> Response:
    """A whole response."""
    answer = client.responses.create(model=kind.name, input=given, **fields)
    assert isinstance(answer, Response)
    return answer


def approvals(answer: Response) -> list[McpApprovalRequest]:
    return [item for item in answer.output if item.type == "mcp_approval_request"]


def approve(answer: Response, yes: bool = True, reason: str | None = None) -> Any:
    """The items that decide on all that a response asks."""
    return [
        {
            "type": "mcp_approval_response",
            "approval_request_id": item.id,
            "approve": yes,
            "reason": reason,
        }
        for item in approvals(answer)
    ]


@pytest.mark.parametrize("chained", [True, False])
@pytest.mark.parametrize("kind", ASKED, ids=lambda kind: kind.name)
def test_a_question_with_yes_or_no_is_an_approval_request(
    kind: PauseKind, client: OpenAI, provider: Provider, chained: bool
) -> None:
    """The client approves by an item, with its history or without, and gets the rest."""
    provider.script(*kind.before)
    first = ask(client, kind)
    assert "completed" == first.status
    assert kind.text == first.output_text or kind.name == "step-review"
    [request] = approvals(first)
    if tool := kind.requirement.get("tool"):
        assert (tool["name"], tool["arguments"]) == (request.name, json.loads(request.arguments))
    given = approve(first)
    if not chained:
        history = [item.to_dict() for item in first.output]
        given = [{"role": "user", "content": "Please."}, *history, *given]
    provider.script(*kind.after)
    edits = "result" in kind.decide({})  # an approval can edit nothing
    further = {"previous_response_id": first.id} if chained else {}
    second = ask(client, kind, given, **further)
    assert kind.answer == second.output_text
    bodies = json.dumps([request.body for request in provider.requests])
    assert edits or kind.seen in bodies + second.output_text


@pytest.mark.parametrize("kind", [k for k in ASKED if k.denial], ids=lambda kind: kind.name)
def test_a_refusal(kind: PauseKind, client: OpenAI, provider: Provider) -> None:
    """A no is told to the model, with its reason, and the tool does not run."""
    provider.script(*kind.before)
    first = ask(client, kind)
    RAN.clear()
    provider.script(*kind.again)
    ask(client, kind, approve(first, yes=False, reason="Not today."))
    assert [] == RAN
    assert kind.denial in json.dumps([request.body for request in provider.requests])


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.name)
def test_what_needs_values_is_told_with_its_address(
    kind: PauseKind, client: OpenAI, server: Server, provider: Provider
) -> None:
    """The protocol has no item for it: sentences say what is needed, and where it is given."""
    provider.script(*kind.before)
    first = ask(client, kind)
    assert [] == approvals(first)
    [address] = re.findall(r"http://\S+/api/v1/runs/\w+/continue", first.output_text)
    run_id = first.id.removeprefix("resp_")
    assert f"{server.url}/api/v1/runs/{run_id}/continue" == address
    state = httpx.get(f"{server.url}/api/v1/runs/{run_id}").json()
    provider.script(*kind.after)
    done = go_on(server.url, run_id, decisions(kind, state["requirements"])).json()
    assert kind.answer == client.responses.retrieve(done["run_id"]).output_text


@pytest.mark.parametrize("kind", [EXTERNAL], ids=["external"])
def test_a_tool_that_runs_elsewhere(kind: PauseKind, client: OpenAI, provider: Provider) -> None:
    """Its call is the client's, and the result continues the paused run."""
    provider.script(*kind.before)
    first = ask(client, kind)
    [call] = [item for item in first.output if item.type == "function_call"]
    assert ("shell", {"city": "Oslo"}) == (call.name, json.loads(call.arguments))
    provider.script(*kind.after)
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "it ran elsewhere"}
    second = ask(client, kind, [result], previous_response_id=first.id)
    assert kind.answer == second.output_text
    assert kind.seen in json.dumps(provider.requests[-1].body)


def test_a_stream_pauses_and_goes_on(client: OpenAI, provider: Provider) -> None:
    """The events of both runs are valid, and each can be resumed from any of them."""
    create, given = client.responses.create, "Please."
    answers: list[Response] = []
    for replies in (APPROVAL.before, APPROVAL.after):
        provider.script(*replies)
        items: Any = approve(answers[-1]) if answers else given
        events: list[dict[str, Any]] = [
            event.to_dict() for event in create(model=APPROVAL.name, input=items, stream=True)
        ]
        is_complete(events)
        for event in events:
            OPENAI[event["type"]].model_validate(event)
        answers.append(Response.model_validate(events[-1]["response"]))
        rest = client.responses.retrieve(answers[-1].id, stream=True, starting_after=2)
        assert events[3:] == [event.to_dict() for event in rest]
    assert 1 == len(approvals(answers[0]))
    assert "It is done." == answers[1].output_text


def test_decisions_that_cannot_be(client: OpenAI, provider: Provider) -> None:
    """Unknown requests, a second decision and a missing one are refused by name."""
    provider.script(Reply("", tool_calls=[("refund", '{"city": "Oslo"}')] * 2))
    first = ask(client, APPROVAL)
    both = approve(first)
    wrong = [{**both[0], "approval_request_id": "mcpr_none_x"}]
    other = [{**both[0], "approval_request_id": f"{both[0]['approval_request_id']}x"}]
    for items, error in (
        (wrong, openai.NotFoundError),
        (other, openai.APIStatusError),
        (both[:1], openai.APIStatusError),
    ):
        with pytest.raises(error) as refused:
            ask(client, APPROVAL, items)
        assert 400 <= refused.value.status_code < 500
    provider.script(DONE)
    assert "It is done." == ask(client, APPROVAL, both).output_text
    with pytest.raises(openai.ConflictError):
        ask(client, APPROVAL, both)


def test_a_paused_response_is_deleted(client: OpenAI, server: Server, provider: Provider) -> None:
    """A response that waits can be deleted: nobody is asked any more."""
    provider.script(*APPROVAL.before)
    first = ask(client, APPROVAL)
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError):
        ask(client, APPROVAL, approve(first))
    assert [] == httpx.get(f"{server.url}/api/v1/runs?status=paused").json()["runs"]


async def test_the_agents_sdk_asks_and_goes_on(server: Server, provider: Provider) -> None:
    """Its hosted tool asks the application's function, and sends the decision by itself."""
    hosted: Any = {
        "type": "mcp",
        "server_label": "agno-stream",
        "server_url": "https://agent.invalid",
        "require_approval": "always",
    }
    asked: list[str] = []

    def decide(request: Any) -> Any:
        asked.append(request.data.name)
        return {"approve": True}

    provider.script(*APPROVAL.before, *APPROVAL.after)
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        agent = SdkAgent(
            name="a",
            model=OpenAIResponsesModel(model=APPROVAL.name, openai_client=client),
            tools=[HostedMCPTool(tool_config=hosted, on_approval_request=decide)],
        )
        result = await Runner.run(agent, "Please.", run_config=RunConfig(tracing_disabled=True))
    assert ["refund"] == asked
    assert "It is done." == result.final_output
