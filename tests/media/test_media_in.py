"""Pictures, files and sounds of a question: as JSON, as uploads, as parts of other protocols."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.media import Image

from tests.conftest import Serve
from tests.media.parts import MP3, PDF, PNG
from tests.media.test_media_out import CALL, client, maker
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, answer


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def data_url(content: bytes, mime: str) -> str:
    return f"data:{mime};base64,{b64(content)}"


def sent(provider: Provider) -> dict[str, Any]:
    """The parts of the last user message that the provider got, by their types."""
    user = [m for m in provider.requests[-1].body["messages"] if m["role"] == "user"][-1]
    return {part["type"]: part for part in user["content"] if isinstance(part, dict)}


def check_all(provider: Provider) -> None:
    parts = sent(provider)
    assert data_url(PNG, "image/png") == parts["image_url"]["image_url"]["url"]
    assert {"data": b64(MP3), "format": "mp3"} == parts["input_audio"]["input_audio"]
    expected = {"filename": "report.pdf", "file_data": data_url(PDF, "application/pdf")}
    assert expected == parts["file"]["file"]


BODY = {
    "images": [{"data": b64(PNG), "mime_type": "image/png"}],
    "files": [{"data": b64(PDF), "mime_type": "application/pdf", "name": "report.pdf"}],
    "audio": [{"data": data_url(MP3, "audio/mpeg"), "name": "a.mp3"}],
}


@pytest.mark.parametrize("history", [None, [{"role": "user", "content": "Before."}]])
async def test_media_in_json(
    http: httpx.AsyncClient, provider: Provider, history: list[Any] | None
) -> None:
    """Pictures, files and sounds reach the provider, with a history of the client's, too."""
    fields: dict[str, Any] = BODY if history is None else {**BODY, "messages": history}
    assert "stop" == (await answer(http, **fields))[-1]["finish_reason"]
    check_all(provider)


WRONG = [
    ({"files": [{}]}, 422),
    ({"files": [{"url": "https://a.example/x", "data": "QQ=="}]}, 422),
    ({"files": [{"url": "file:///etc/passwd"}]}, 422),
    ({"files": [{"data": "no base64!"}]}, 422),
    ({"files": [{"data": "QQ==", "mime_type": "text/html\r\nx: y"}]}, 422),
    ({"files": [{"path": "/etc/passwd"}]}, 422),
    ({"files": [{"data": "QQ=="}] * 17}, 422),
    # Agno would download these on this server.
    ({"files": [{"url": "http://127.0.0.1:1/x.pdf"}]}, 422),
    ({"audio": [{"url": "http://127.0.0.1:1/x.wav"}]}, 422),
    ({"videos": [{"url": "http://127.0.0.1:1/x.mp4"}]}, 422),
]


@pytest.mark.parametrize(("fields", "status"), WRONG)
async def test_wrong_media(
    http: httpx.AsyncClient, provider: Provider, fields: dict[str, Any], status: int
) -> None:
    """What cannot be read, or would be fetched by this server, is refused."""
    response = await http.post(CHAT, json={"message": "Hello?", **fields})
    assert status == response.status_code, response.text
    assert 0 == provider.opened


#: aiohttp, under the SDK of OpenAI, warns of every request of more than a MiB.
large_requests = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

LARGE = b"%PDF-1.4\n" + bytes(2 << 20)


@large_requests
async def test_uploads(http: httpx.AsyncClient, provider: Provider, tmp_path: Path) -> None:
    """A form with files starts a run; a large file stays on the disk with its conversation."""
    response = await http.post(
        CHAT,
        data={"message": "Look.", "conversation_id": "c1", "stream": "false"},
        files=[
            ("images", ("cat.png", PNG, "image/png")),
            ("audio", ("a.mp3", MP3, "audio/mpeg")),
            ("files", ("report.pdf", PDF, "application/pdf")),
        ],
    )
    assert 200 == response.status_code, response.text
    check_all(provider)
    form = {"request": json.dumps({"conversation_id": "c1", "stream": False})}
    large = [("files", ("large.pdf", LARGE, "application/pdf"))]
    response = await http.post(CHAT, data=form, files=large)
    assert 200 == response.status_code, response.text
    assert data_url(LARGE, "application/pdf") == sent(provider)["file"]["file"]["file_data"]
    media = tmp_path / "media"
    assert [] == list((media / "uploads").iterdir())  # a small folder
    messages = (await http.get("/api/v1/conversations/c1")).json()["messages"]
    items = [item for m in messages if m["role"] == "user" for item in m.get("media", ())]
    assert [
        ("image", "cat.png", PNG),
        ("audio", "a.mp3", MP3),
        ("file", "report.pdf", PDF),
        ("file", "large.pdf", LARGE),
    ] == [(one["kind"], one["name"], (await http.get(one["url"])).content) for one in items]
    assert not any("media" in m for m in messages if m["role"] == "assistant")
    assert [LARGE] == [p.read_bytes() for p in media.glob("runs/*/*") if p.stat().st_size > 1 << 20]
    await http.delete("/api/v1/conversations/c1")
    assert [] == list((media / "runs").iterdir())


FORMS = [
    ({"message": "x", "surprise": "y"}, [], 422),
    ({"message": "x", "stream": "maybe"}, [], 422),
    ({"request": "[1]"}, [], 400),
    ({"message": ""}, [("files", ("a.pdf", b"", "application/pdf"))], 422),
    ({"message": "x"}, [("secrets", ("a.pdf", PDF, "application/pdf"))], 422),
    ({"message": "x"}, [("files", ("a.pdf", PDF, "application/pdf"))] * 17, 400),
    ({"message": "x"}, [("files", ("a.pdf", LARGE, "application/pdf"))], 413),
    ({"message": "x", "agent": "nobody"}, [("files", ("a.pdf", PDF * 99999, "a/b"))], 404),
]


@pytest.mark.parametrize(("fields", "files", "status"), FORMS)
async def test_wrong_forms(
    serve: Serve, tmp_path: Path, fields: dict[str, str], files: list[Any], status: int
) -> None:
    """A form that starts no run is refused, and leaves no file."""
    server = serve(max_media_bytes=3 << 19 if status == 404 else 1 << 20)
    async with client(server.url) as http:
        response = await http.post(
            CHAT, data=fields, files=files or [("images", ("a", PNG, "a/b"))]
        )
    assert status == response.status_code, response.text
    assert [] == list((tmp_path / "media" / "uploads").iterdir())


@large_requests
async def test_the_same_form_with_a_key(http: httpx.AsyncClient, provider: Provider) -> None:
    """A form that is sent again with its key finds its run; another file is another request."""
    headers = {"Idempotency-Key": "k1"}

    async def send(content: bytes) -> httpx.Response:
        files = {"files": ("a.pdf", content, "application/pdf")}
        return await http.post(CHAT, data={"message": "x"}, files=files, headers=headers)

    first, again, other = await send(LARGE), await send(LARGE), await send(LARGE + b"!")
    assert first.headers["x-run-id"] == again.headers["x-run-id"]
    assert (200, 200, 422) == (first.status_code, again.status_code, other.status_code)
    assert 1 == provider.opened


async def test_parts_of_openai(http: httpx.AsyncClient, provider: Provider) -> None:
    """Pictures, sounds and files as content parts reach the provider."""
    parts = [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": data_url(PNG, "image/png")}},
        {"type": "input_audio", "input_audio": {"data": b64(MP3), "format": "mp3"}},
        {
            "type": "file",
            "file": {"filename": "report.pdf", "file_data": data_url(PDF, "application/pdf")},
        },
    ]
    body = {"model": "general", "messages": [{"role": "user", "content": parts}]}
    response = await http.post("/v1/chat/completions", json=body)
    assert 200 == response.status_code, response.text
    check_all(provider)
    parts[-1] = {"type": "file", "file": {"file_id": "file-1"}}
    response = await http.post("/v1/chat/completions", json=body)
    assert 400 == response.status_code


@pytest.mark.parametrize("stream", [True, False])
async def test_media_on_other_doors(serve: Serve, provider: Provider, stream: bool) -> None:
    """OpenAI's clients get a Markdown address that opens without a key; Ollama's the picture."""
    agents: list[Agent] = [maker(images=[Image(content=PNG)])]
    key = "alice-key-0123456789"
    url = serve(agents=agents, api_keys=f"alice:{key}").url
    body = {"model": "maker", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    async with client(url, key) as http, client(url) as nobody:
        provider.script(CALL, Reply("There."), CALL, Reply("There."))
        text = (await http.post("/v1/chat/completions", json=body)).text
        address = text.partition("![image](")[2].partition(")")[0]
        assert PNG == (await nobody.get(address)).content
        ollama = (await http.post("/api/chat", json=body)).text
    messages = [json.loads(line)["message"] for line in ollama.splitlines()]
    assert [b64(PNG)] == [image for m in messages for image in m.get("images", [])]
    assert "I make it. There." == "".join(m["content"] for m in messages)


async def test_addresses_of_earlier_turns(serve: Serve, provider: Provider) -> None:
    """An address that one model's provider fetched is not fetched by this server for another one,
    whose question says what is left out."""
    fetched: list[str] = []

    async def trap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.append((await reader.readline()).decode())
        writer.close()

    listening = await asyncio.start_server(trap, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/secret.png"
    url = serve(models=["ollama:llama3.2"], ollama_host=provider.origin).url
    async with client(url) as http:
        first = await answer(http, images=[{"url": address}], conversation_id="c1")
        assert address == sent(provider)["image_url"]["image_url"]["url"]
        again = await answer(http, "And?", model="llama3.2", conversation_id="c1")
    assert ["stop", "stop"] == [first[-1]["finish_reason"], again[-1]["finish_reason"]]
    assert "/api/chat" == provider.requests[-1].path
    earlier = provider.requests[-1].body["messages"][0]
    assert (f"Hello?\n\n(Not shown to this model: {address})", None) == (
        earlier["content"],
        earlier.get("images"),
    )
    listening.close()
    assert [] == fetched
