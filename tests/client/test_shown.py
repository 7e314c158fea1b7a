"""What an answer has beside its text: in the client's answers, and on a terminal."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agno.agent import Agent

from agno_stream import AsyncClient, Client, Config, NotFound, attachment
from tests.client.shells import Shell
from tests.client.test_terminal import AGNO_STREAM, CODES, Terminal
from tests.command import ROOT, environment
from tests.conftest import Serve
from tests.media.parts import PNG
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.test_shown import CASES

DONE = r"\d+ tokens? · first after"


def application(name: str) -> Any:
    return CASES[name].build()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("stream", [True, False])
async def test_answers_without_their_parts(
    serve: Serve, provider: Provider, shell: Shell, name: str, stream: bool
) -> None:
    """An answer has the same parts streamed, whole, as the state of its run, and as a stored
    message."""
    provider.script(*CASES[name].replies)
    config = Config(url=serve(agents=[application(name)]).url)
    answer = await shell.call(config, "generate", "Hello?", stream=stream)
    state = await shell.call(config, "run", answer.run_id)
    stored = await shell.call(config, "conversation", answer.conversation_id)
    message = stored.messages[-1]
    assert answer.parts == state.parts == list(message.parts)
    assert answer.tools == state.tools == list(message.tools)
    assert answer.media == state.media == list(message.media)
    assert answer.reasoning == state.reasoning == message.reasoning
    assert answer.text == state.text == message.content
    assert (answer.followups or []) == list(message.followups)
    assert answer.model == message.model
    assert message.speaker is not None
    assert answer.agent == message.speaker["id"]


async def test_chunks_without_their_fields(serve: Serve, provider: Provider, shell: Shell) -> None:
    """A chunk has what its server's JSON has, by the same names."""
    provider.script(*CASES["workflow"].replies)
    config = Config(url=serve(agents=[application("workflow")]).url)
    chunks = await shell.stream(config, "Hello?")
    names = ("speaker", "said", "step", "tool", "event", "media", "final", "followups")
    for chunk in chunks:
        for name in names:
            assert chunk.raw.get(name) == getattr(chunk, name)
    assert {"Look", "Tell"} == {chunk.step["name"] for chunk in chunks if chunk.step}
    assert {"Look"} == {chunk.speaker["name"] for chunk in chunks if chunk.speaker}


async def test_media_are_downloaded(serve: Serve, provider: Provider, shell: Shell) -> None:
    """The bytes of media are those that the tool has made; another server gets no request."""
    provider.script(*CASES["media"].replies)
    config = Config(url=serve(agents=[application("media")]).url)
    answer = await shell.call(config, "generate", "Hello?")
    (item,) = answer.media
    assert PNG == await shell.call(config, "download", item)
    with pytest.raises(NotFound):
        await shell.call(config, "download", {**item, "url": item["url"][:-4] + "0000"})
    with pytest.raises(ValueError, match="another server"):
        await shell.call(config, "download", {**item, "url": "https://pictures.example/a.png"})


async def test_agents_of_the_client(serve: Serve, shell: Shell) -> None:
    """An agent is described with its tools, its members and its suggestions."""
    team = application("team")
    team.metadata = {"suggestions": ["Is it cold?"]}
    config = Config(url=serve(agents=[team]).url)
    (found,) = await shell.call(config, "agents")
    assert ("team", ("Is it cold?",)) == (found.kind, found.suggestions)
    (bob,) = found.members
    assert ("bob", ["weather"]) == (bob.id, [one.name for one in bob.tools])


async def test_conversations_of_the_client(serve: Serve, shell: Shell) -> None:
    """A conversation is renamed, pinned, exported and deleted; runs that go on are listed."""
    config = Config(url=serve(model="demo").url)
    answer = await shell.call(config, "generate", "count to 3")
    name = answer.conversation_id
    renamed = await shell.call(config, "rename_conversation", name, "Numbers")
    text = await shell.call(config, "export_conversation", name)
    data = await shell.call(config, "export_conversation", name, "json")
    assert "Numbers" == renamed.title
    await shell.call(config, "generate", "count to 2")
    pinned = await shell.call(config, "pin_conversation", name)
    assert pinned.pinned_at
    titles = [one.title for one in await shell.call(config, "conversations")]
    assert ["Numbers", "count to 2"] == titles
    assert (await shell.call(config, "pin_conversation", name, False)).pinned_at is None
    assert text.startswith("# Numbers\n")
    assert name == json.loads(data)["conversation_id"]
    assert [] == await shell.call(config, "runs")
    await shell.call(config, "delete_conversation", name)
    with pytest.raises(NotFound):
        await shell.call(config, "conversation", name)


def test_address_as_the_first_argument(serve: Serve) -> None:
    """A client takes an address instead of settings; two addresses are an error of its caller."""
    url = serve(model="demo").url
    with Client(url) as client:
        assert "1, 2" == client.generate("count to 2").text
    with pytest.raises(TypeError, match="twice"):
        Client(url, url=url)
    with pytest.raises(TypeError, match="int"):
        Client(3)  # type: ignore[arg-type]  # that is the point


async def test_transport_of_ones_own() -> None:
    """A client works over a transport of its caller's, streamed and not."""
    events = 'id: r:1\ndata: {"content":"Hi","done":false,"model":"m"}\n\n' + (
        'id: r:2\ndata: {"content":"","done":true,"model":"m","finish_reason":"stop"}\n\n'
    )

    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"Content-Type": "text/event-stream", "X-Run-Id": "r"}
        return httpx2.Response(200, headers=headers, content=events.encode())

    with Client("http://nowhere", transport=httpx2.MockTransport(answer)) as client:
        assert "Hi" == "".join(chunk.text for chunk in client.generate_stream("Hello?"))
    async with AsyncClient("http://nowhere", transport=httpx2.MockTransport(answer)) as other:
        response = await other.generate("Hello?", stream=True)
    assert ("Hi", True) == (response.text, response.success)


def test_file_as_an_image(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """A file becomes an image of a question, with its type."""
    (tmp_path / "point.png").write_bytes(PNG)
    with Client(serve().url) as client:
        client.generate("What is it?", images=[attachment(tmp_path / "point.png")])
    (content,) = [m["content"] for m in provider.requests[-1].body["messages"][-1:]]
    assert base64.b64encode(PNG).decode() in json.dumps(content)


# ---- the terminal ----

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(serve: Serve, tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def start(agent: Any, *words: str) -> Terminal:
        opened.append(Terminal(serve(agents=[agent]).url, tmp_path / "home", *words))
        return opened[-1]

    yield start
    for one in opened:
        one.child.close(force=True)


def in_order(shown: str, *texts: str) -> None:
    """Each text is shown after the one before it."""
    place = -1
    for text in texts:
        found = shown.find(text, place + 1)
        assert found > place, (text, shown)
        place = found


LINES = {
    "tools": ('⚙ weather(city="Oslo")', "↳ snow in Oslo", "It snows."),
    "events": ("⚙ work()", "· Progress percent=30", "· Progress percent=90", "Done."),
    "reasoning": ("Let me think.", "Snow."),
    "team": (
        '⚙ delegate_task_to_member(member_id="bob", task="Ask.")',
        *("▌Bob", "  I look.", '  ⚙ weather(city="Oslo")', "    ↳ snow in Oslo", "  It snows."),
        "Bob says: snow.",
    ),
    "workflow": (
        *("▸ Look", "▌Look", "  I look.", '  ⚙ weather(city="Oslo")', "↳ snow in Oslo"),
        *("✓ Look", "▸ Tell", "Snow, says Ann.", "✓ Tell"),
    ),
}


#: Lines of steps that an answer that is complete shows in their last state, at their beginning.
BEGUN = ("▸ Look", "▸ Tell", "✓ Look", "✓ Tell")


@pytest.mark.parametrize("name", LINES)
def test_terminal_shows_text_only(
    terminal: Open, provider: Provider, name: str, tmp_path: Path
) -> None:
    """A chat shows speakers, steps, tools and events in their order, live and in /history."""
    provider.script(*CASES[name].replies)
    chat = terminal(application(name))
    chat.types("Hello?")
    in_order(chat.sees(DONE), *LINES[name])
    chat.types("/history")
    chat.types("/exit")
    shown = CODES.sub("", chat.child.before or "")
    in_order(shown, "> Hello?", *[line for line in LINES[name] if line not in BEGUN])


def test_followups_are_not_suggested(terminal: Open, provider: Provider) -> None:
    """Followups are numbered, and a number alone asks that question."""
    provider.script(*CASES["followups"].replies, Reply("Because."), Reply('{"suggestions": []}'))
    chat = terminal(application("followups"))
    chat.types("Hello?")
    in_order(chat.sees(DONE), "1. And then?", "2. Why?")
    chat.types("2")
    assert "Because." in chat.sees(DONE)
    asked = [m["content"] for r in provider.requests for m in r.body["messages"]]
    assert "Why?" in asked


def test_media_are_not_saved(terminal: Open, provider: Provider, tmp_path: Path) -> None:
    """Media are saved, and their path is shown."""
    provider.script(*CASES["media"].replies)
    chat = terminal(application("media"), "--save", str(tmp_path / "saved"))
    chat.types("Hello?")
    shown = chat.sees(DONE)
    (saved,) = (tmp_path / "saved").iterdir()
    assert saved.read_bytes() == PNG
    assert saved.name in re.sub(r"\s", "", shown)


def test_image_is_not_sent(terminal: Open, provider: Provider, tmp_path: Path) -> None:
    """An image file goes with the next question; one that cannot be read is named."""
    (tmp_path / "point.png").write_bytes(PNG)
    provider.script(Reply("A point."))
    chat = terminal(Agent(id="plain"))
    chat.types(f"/image {tmp_path / 'nothing.png'}")
    chat.sees("cannot be read")
    chat.types(f"/image {tmp_path / 'point.png'}")
    chat.types("What is it?")
    assert "A point." in chat.sees(DONE)
    last = json.dumps(provider.requests[-1].body["messages"][-1])
    assert base64.b64encode(PNG).decode() in last


def test_open_continues_nothing(terminal: Open, provider: Provider) -> None:
    """/open lists earlier conversations, shows the last turn of one, and continues it."""
    provider.script(Reply("First answer."), Reply("Second answer."), Reply("Third answer."))
    chat = terminal(Agent(id="plain"))
    chat.types("First question")
    chat.sees(DONE)
    chat.types("/new")
    chat.types("Second question")
    chat.sees(DONE)
    chat.types("/open")
    number = re.findall(r"(\d)\. First question", chat.sees(r"\d\. First question"))[-1]
    chat.types(f"/open {number}")
    chat.sees("> First question")
    chat.sees("First answer.")
    chat.types("Third question")
    assert "Third answer." in chat.sees(DONE)
    sent = [m["content"] for m in provider.requests[-1].body["messages"] if m["role"] == "user"]
    assert ["First question", "Third question"] == sent


def command(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *AGNO_STREAM, *words],
        cwd=ROOT,
        env=environment(AGNO_STREAM_URL=url),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_commands_of_lists(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """agents, models, runs, conversations are listed, shown, renamed, pinned, exported, deleted."""
    provider.script(*CASES["team"].replies)
    team = application("team")
    team.metadata = {"suggestions": ["Is it cold?"]}
    url = serve(agents=[team]).url
    with Client(url) as client:
        name = client.generate("Hello?").conversation_id or ""
    agents = command(url, "agents").stdout
    in_order(agents, "* team (team)", "▸ Bob", "⚙ weather  The weather of a city.", "Is it cold?")
    assert "kind" in json.loads(command(url, "agents", "--json").stdout)
    assert "* test-model  openai" in command(url, "models").stdout
    assert "" == command(url, "runs", "list").stdout
    nowhere = "http://127.0.0.1:1"
    for group in ("runs", "conversations"):
        listed = command(nowhere, group, "--url", url, "list")
        assert 0 == listed.returncode, listed
        listed = command(url, group, "--url", nowhere, "list", "--url", url)
        assert 0 == listed.returncode, listed
    assert name in command(url, "conversations", "list").stdout
    shown = command(url, "conversations", "show", name).stdout
    in_order(shown, "> Hello?", "Bob says: snow.")
    assert "Snow\n" == command(url, "conversations", "rename", name, "Snow").stdout
    assert "Snow\n" == command(url, "conversations", "pin", name).stdout
    assert "  * Snow" in command(url, "conversations", "list").stdout
    assert "Snow\n" == command(url, "conversations", "unpin", name).stdout
    exported = command(url, "conversations", "export", name).stdout
    in_order(exported, "# Snow", "**Bob:**", "Bob says: snow.")
    file = tmp_path / "out.json"
    command(url, "conversations", "export", name, "--format", "json", "--output", str(file))
    assert "Snow" == json.loads(file.read_text(encoding="utf-8"))["title"]
    assert 0 == command(url, "conversations", "delete", name).returncode
    again = command(url, "conversations", "delete", name)
    assert (1, True) == (again.returncode, "Not found" in again.stderr)
