"""The test double of the server answers the client as a server does."""

from typing import Any

import pytest

from agno_stream import AsyncClient, Client, ModelResponse, NotFound, Overloaded
from agno_stream.testing import Answer, Failing, Scripted

TOOL = {"tool": {"id": "1", "name": "weather", "status": "completed", "result": "snow"}}

ANSWERS: dict[str, tuple[Answer, dict[str, Any]]] = {
    "text": ("Hello  there.", {"text": "Hello  there.", "success": True, "finish_reason": "stop"}),
    "nothing": ("", {"text": "", "success": True}),
    "chunks": (
        [{"content": "I look. "}, TOOL, {"content": "Snow."}],
        {"text": "I look. Snow.", "tools": [TOOL["tool"]]},
    ),
    "failure": (
        Failing("upstream_cut", "It was cut.", "I lo"),
        {"success": False, "error": "It was cut."},
    ),
    "refusal": (
        Failing("rate_limited", "Too many requests.", status=429),
        {"success": False, "error": "Too many requests.", "status_code": 429},
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("stream", [True, False])
async def test_double_answers_otherwise(name: str, stream: bool) -> None:
    """Each kind of answer of the script comes over both clients, streamed and not."""
    script, expected = ANSWERS[name]
    server = Scripted(script)
    responses: list[ModelResponse] = []
    with Client("http://server", transport=server) as client:
        responses.append(client.generate("Hi", stream=stream))
    async with AsyncClient("http://server", transport=server) as other:
        responses.append(await other.generate("Hi", stream=stream))
    for response in responses:
        assert expected == {field: getattr(response, field) for field in expected}
    assert ["Hi", "Hi"] == [question["message"] for question in server.questions]


def test_double_remembers_nothing() -> None:
    """Runs can be read and resumed, conversations have their messages and can be deleted."""
    with Client("http://server", transport=Scripted("One two.", "Three.")) as client:
        chat = client.chat()
        answer = chat.generate("First", stream=True)
        chat.generate("Second")
        assert answer.run_id is not None
        assert "two." == "".join(chunk.text for chunk in client.resume(answer.run_id, after=2))
        assert "One two." == client.run(answer.run_id).text
        assert ["First", "One two.", "Second", "Three."] == [m.content for m in chat.messages()]
        assert answer.parts == list(chat.messages()[1].parts)
        assert ["scripted"] == [one.id for one in client.agents()]
        assert ["scripted"] == [one.id for one in client.models()]
        client.delete_conversation(chat.id)
        with pytest.raises(NotFound):
            chat.messages()


def test_double_with_raised_errors() -> None:
    """A refusal is raised where the caller wants that."""
    server = Scripted(Failing("rate_limited", "Too many requests.", status=429))
    with Client("http://server", transport=server) as client, pytest.raises(Overloaded):
        client.generate("Hi", raise_on_error=True)
