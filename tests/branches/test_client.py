"""Second answers by the client and the command line, against a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agno_stream import AsyncClient, Client, ModelResponse, NotFound
from tests.client.test_terminal import Terminal
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server


@pytest.fixture
def server(provider: Provider, tmp_path: Path) -> Iterator[Server]:
    settings = {"openai_base_url": provider.url, "openai_api_key": "sk-0123456789abcdef"}
    with Server(tmp_path, model="openai:m", **settings) as running:
        yield running


def test_a_program_answers_again(server: Server, provider: Provider) -> None:
    """A chat answers a turn again and edits it; the client selects a branch, and copies it."""
    provider.script(Reply("a1"), Reply("b1"), Reply("e1"))
    with Client(server.url) as client:
        chat = client.chat()
        first = chat.generate("q1").run_id or ""
        second = ModelResponse.from_chunks(chat.regenerate(first))
        third = list(chat.edit(first, "e?"))
        assert ("b1", first, True) == (second.text, second.replaces, second.success)
        assert [first, first] == [second.raw.get("replaces", first), third[0].replaces]
        message = chat.messages()[-1]
        assert ("e1", (first, second.run_id, third[0].run_id)) == (
            message.content,
            message.siblings,
        )
        selected = client.select_branch(chat.id, first)
        assert ["q1", "a1"] == [m.content for m in selected.messages]
        copied = client.fork_conversation(chat.id, first, title="Copy")
        assert "Copy" == copied.title
        assert ["q1", "a1"] == [
            m.content for m in client.conversation(copied.conversation_id).messages
        ]
        with pytest.raises(NotFound, match="no turn"):
            client.select_branch(chat.id, "none")
        failed = list(client.regenerate("none"))[-1]
        assert "unknown_turn" == (failed.failure and failed.failure.code)
        assert [] == client.runs()


async def test_a_program_with_a_loop(server: Server, provider: Provider) -> None:
    """The asynchronous client has the same calls."""
    provider.script(Reply("a1"), Reply("b1"), Reply("e1"))
    async with AsyncClient(server.url) as client:
        chat = client.chat()
        first = (await chat.generate("q1")).run_id or ""
        second = [chunk async for chunk in chat.regenerate(first)]
        assert ("b1", first) == ("".join(chunk.text for chunk in second), second[0].replaces)
        assert "e1" == "".join([chunk.text async for chunk in chat.edit(first, "e?")])
        selected = await client.select_branch(chat.id, first)
        assert ["q1", "a1"] == [m.content for m in selected.messages]
        copied = await client.fork_conversation(chat.id)
        assert "q1" == copied.title


def test_a_person_answers_again(server: Server, provider: Provider, tmp_path: Path) -> None:
    """`/again` and `/edit` answer in the place of the last turn, and `/branch` goes back."""
    provider.script(*(Reply(text) for text in ("red", "green", "blue", "violet", "ochre")))
    terminal = Terminal(server.url, tmp_path / "home")
    stats = r"first after [\d.]+ s.* · m"
    terminal.types("/again")
    terminal.sees("There is no question yet")
    terminal.types("/branch")
    terminal.sees("No turn has another one in its place")
    terminal.types("A colour?")
    assert "red" in terminal.sees(stats)
    terminal.types("/again")
    assert "green" in terminal.sees(stats)
    terminal.types("/edit Another colour?")
    assert "blue" in terminal.sees(stats)
    terminal.types("/edit")
    terminal.sees("Another colour")
    terminal.child.send(" Please.\r")
    assert "violet" in terminal.sees(stats)
    terminal.types("/branch")
    terminal.sees(r"Please\.  4/4")
    terminal.types("/branch 1")
    assert "red" in terminal.sees("1/4")
    terminal.types("/fork")
    terminal.sees("continuing in a copy")
    terminal.types("And now?")
    assert "ochre" in terminal.sees(stats)
    terminal.types("/exit")
    assert 0 == terminal.ends()
    with Client(server.url) as client:
        found = [client.conversation(one.conversation_id) for one in client.conversations()]
        talks = sorted([message.content for message in one.messages] for one in found)
        before = ["A colour?", "red"]
        assert [before, [*before, "And now?", "ochre"]] == talks
