"""Media of teams, workflows and factories: their members and steps read and make some, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.exceptions import OutputCheckError
from agno.media import Image
from agno.models.ollama import Ollama
from agno.run.agent import RunOutput
from agno.team import Team
from agno.workflow import Step, Workflow

from tests.conftest import Serve
from tests.media.parts import PNG, everything, tool
from tests.media.test_media_in import BODY, check_all
from tests.media.test_media_out import CALL, client, maker, media_of
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, answer

DELEGATE = Reply(tool_calls=[("delegate_task_to_member", '{"member_id": "bob", "task": "Do."}')])


def bob(**fields: Any) -> Agent:
    return Agent(id="bob", name="Bob", **fields)


def team(member: Agent) -> Team:
    return Team(id="it", members=[member])


def workflow(member: Agent) -> Workflow:
    return Workflow(id="it", steps=[Step(name="one", agent=member)])


MAKERS: dict[str, tuple[Callable[[Agent], Any], list[Reply]]] = {
    "team": (team, [DELEGATE, CALL, Reply("Made."), Reply("There.")]),
    "workflow": (workflow, [CALL, Reply("There.")]),
}


@pytest.mark.parametrize("kind", MAKERS)
async def test_media_of_a_member_or_step(serve: Serve, provider: Provider, kind: str) -> None:
    """Each item that a tool of a member or of a step makes is in the log once, and is served."""
    build, replies = MAKERS[kind]
    provider.script(*replies)
    member = bob(tools=[tool(**everything())], send_media_to_model=False)
    async with client(serve(agents=[build(member)]).url) as http:
        chunks = await answer(http)
        items = media_of(chunks)
        picture = await http.get(items[0]["url"])
    assert ["image", "image", "audio", "video", "file"] == [item["kind"] for item in items]
    assert PNG == picture.content
    assert "stop" == chunks[-1]["finish_reason"]


@pytest.mark.parametrize("build", [team, workflow])
async def test_media_reach_the_model(
    serve: Serve, provider: Provider, build: Callable[[Agent], Any]
) -> None:
    """Pictures, files and sounds of a question reach the model of a team or of a step."""
    async with client(serve(agents=[build(bob())]).url) as http:
        fields: dict[str, Any] = BODY
        assert "stop" == (await answer(http, **fields))[-1]["finish_reason"]
    check_all(provider)


@pytest.mark.parametrize("build", [team, workflow])
async def test_urls_that_a_member_or_step_would_download(
    serve: Serve, provider: Provider, build: Callable[[Agent], Any]
) -> None:
    """A URL that Agno would download for any model in a component is refused."""
    agents = [build(bob(model=Ollama(id="llava", host="http://127.0.0.1:1")))]
    async with client(serve(agents=agents).url) as http:
        body = {"message": "Look.", "images": ["http://127.0.0.1:1/x.png"]}
        response = await http.post(CHAT, json=body)
    assert 422 == response.status_code, response.text
    assert 0 == provider.opened


async def test_media_of_an_end_user(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """Deleting an end user's conversation removes its media, and not those of another user."""
    provider.script(CALL, Reply("There."), CALL, Reply("There."))
    agents = [maker(images=[Image(content=PNG)])]
    async with client(serve(agents=agents).url) as http:
        found = {
            user: media_of(await answer(http, conversation_id="c1", user=user))[0]["url"]
            for user in ("ann", "ben")
        }
        address = httpx.URL("/api/v1/conversations/c1", params={"user": "ann"})
        assert 1 == len((await http.get(address)).json()["messages"][-1]["media"])
        assert 204 == (await http.delete(address)).status_code
        codes = {user: (await http.get(url)).status_code for user, url in found.items()}
    assert {"ann": 404, "ben": 200} == codes
    assert 1 == len(list((tmp_path / "media" / "runs").iterdir()))


async def test_urls_that_the_work_of_a_factory_would_download(
    serve: Serve, provider: Provider
) -> None:
    """What a factory makes is checked before it gets a URL."""

    def made(user_id: str) -> Team:
        return team(bob(model=Ollama(id="llava", host="http://127.0.0.1:1")))

    async with client(serve(agents=[made]).url) as http:
        chunks = await answer(http, images=["http://127.0.0.1:1/x.png"])
    assert "input_refused" == chunks[-1]["error"]["code"]


@pytest.mark.parametrize("kind", MAKERS)
async def test_answers_without_text_are_shown(serve: Serve, provider: Provider, kind: str) -> None:
    """An answer that is pictures alone is in its conversation, with its pictures."""
    build, replies = MAKERS[kind]
    provider.script(*replies[:-1], Reply(""))
    member = bob(tools=[tool(images=[Image(content=PNG)])], send_media_to_model=False)
    async with client(serve(agents=[build(member)]).url) as http:
        [item] = media_of(await answer(http, conversation_id="c1"))
        messages = (await http.get("/api/v1/conversations/c1")).json()["messages"]
    assert ["user", "assistant"] == [message["role"] for message in messages][-2:]
    assert [item] == messages[-1]["media"]


async def test_media_of_a_refused_answer(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """The media of a turn that a guardrail refused are removed, as the turn is."""

    def refuse(run_output: RunOutput) -> None:
        raise OutputCheckError("No.")

    agent = maker(images=[Image(content=PNG)])
    agent.post_hooks = [refuse]
    provider.script(CALL, Reply("There."))
    async with client(serve(agents=[agent]).url) as http:
        assert "output_refused" == (await answer(http))[-1]["error"]["code"]
    assert [] == list((tmp_path / "media" / "runs").iterdir())
