"""Request bodies: compressed ones, lists and numbers without end, and many at the same time."""

import asyncio
import gzip
import json
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.encodings import PIECE, decoding, encodings_of
from app.api.json_objects import MAX_CONTAINERS, MAX_DEPTH, MAX_VALUES, SLICE, parse_in_turns
from app.api.requests import MAX_ITEMS, MAX_MESSAGES
from app.api.spool import FREE, IN_MEMORY, Allowance
from app.core.errors import BadRequest, Overloaded, TooLarge, UnsupportedEncoding
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

QUESTION = [{"role": "user", "content": "Hello?"}]
DOORS: dict[str, dict[str, Any]] = {
    "/api/v1/chat": {"messages": QUESTION, "stream": False},
    "/chat": {"messages": QUESTION, "stream": False},
    "/v1/chat/completions": {"model": "general", "messages": QUESTION},
    "/v1/messages": {"model": "general", "messages": QUESTION},
    "/api/chat": {"model": "general", "messages": QUESTION, "stream": False},
    "/api/generate": {"model": "general", "prompt": "Hello?", "stream": False},
}
ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:]),
    "zstd": zstd.compress,
    "identity, zstd": lambda body: zstd.compress(body[:9]) + zstd.compress(body[9:]),
    "gzip, zstd": lambda body: zstd.compress(gzip.compress(body)),
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("encoding", ENCODED)
async def test_encoded_bodies_are_read(http: httpx.AsyncClient, path: str, encoding: str) -> None:
    """Every door reads bodies in gzip and zstd, also of several members, also one in the other."""
    body = ENCODED[encoding](json.dumps(DOORS[path]).encode())
    reply = await http.post(path, content=body, headers={"Content-Encoding": encoding})
    assert 200 == reply.status_code, reply.text
    assert "Hello from the provider." in reply.text


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("encoding", ["br", "deflate", "compress", "gzip, br", "gzip,gzip,gzip"])
async def test_other_encodings_are_refused(
    http: httpx.AsyncClient, path: str, encoding: str
) -> None:
    """An encoding that is not read is 415, and the response names those that are."""
    headers = {"Content-Encoding": encoding}
    reply = await http.post(path, content=b"\x1b\x03", headers=headers)
    assert (415, "gzip, zstd") == (reply.status_code, reply.headers["accept-encoding"])


BROKEN = {
    "cut": gzip.compress(b'{"message": "x"}')[:-4],
    "rubbish": b"\x1f\x8b" + b"\0" * 50,
    "of members without content": gzip.compress(b"") * 400_000 + gzip.compress(b'{"message": "x"}'),
    "followed by rubbish": gzip.compress(b'{"message": "x"}') + b"rubbish",
    "not compressed": b'{"message": "x"}',
    "empty": b"",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_encoding_is_a_bad_request(http: httpx.AsyncClient, name: str) -> None:
    """A body that cannot be decoded is 400, not 500."""
    reply = await http.post(
        "/api/v1/chat", content=BROKEN[name], headers={"Content-Encoding": "gzip"}
    )
    assert (400, "bad_request") == (reply.status_code, reply.json()["error"]["code"])


def decode(body: bytes, encodings: list[str], bound: int) -> bytes:
    """Decode a body, however many steps that takes."""
    steps = decoding(bytearray(body), encodings, bound)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bytes(end.value)


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "gzip, zstd", "zstd, gzip", "zstd, zstd"])
def test_a_bomb_is_not_unpacked(encoding: str) -> None:
    """No step of the decoding makes more bytes than the bound, whatever the body promises."""
    body = b"\0" * (64 << 20)
    encodings = encodings_of(encoding)
    for name in encodings:
        body = gzip.compress(body, 1) if name == "gzip" else zstd.compress(body)
    with pytest.raises(TooLarge):
        decode(body, encodings, 1 << 20)


def test_the_bound_of_decoded_bytes_is_exact() -> None:
    """As many bytes as the bound are read, one more is not."""
    for name, compress in (("gzip", gzip.compress), ("zstd", zstd.compress)):
        assert b"x" * 1000 == decode(compress(b"x" * 1000), [name], 1000)
        with pytest.raises(TooLarge):
            decode(compress(b"x" * 1001), [name], 1000)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
@pytest.mark.parametrize("level", [0, 9])
def test_steps_lose_nothing(encoding: str, size: int, level: int) -> None:
    """A body is the same after it was decoded in steps, however it is cut, also several members."""
    text = bytes(n * n % 251 for n in range(size))
    made = gzip.compress(text, level) if encoding == "gzip" else zstd.compress(text, level or 1)
    assert text * 2 == decode(made * 2, [encoding], 2 * size)
    steps = decoding(bytearray(gzip.compress(b"x" * (9 * PIECE))), ["gzip"], 9 * PIECE)
    assert sum(1 for _ in steps) >= 9


def test_what_is_no_encoding_is_refused_by_name() -> None:
    """Only encodings that are read are taken; zlib's format is not that of gzip."""
    with pytest.raises(UnsupportedEncoding):
        encodings_of("deflate")
    with pytest.raises(BadRequest):
        decode(zlib.compress(b"{}"), ["gzip"], 1000)


async def test_an_encoded_form_is_read(http: httpx.AsyncClient, provider: Provider) -> None:
    """Uploads may be compressed as a whole, within the bound of a body."""
    request = httpx.Request(
        "POST",
        "http://x",
        data={"message": "Hello?", "stream": "false"},
        files={"images": ("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "image/png")},
    )
    headers = {"Content-Type": request.headers["content-type"], "Content-Encoding": "gzip"}
    body = gzip.compress(request.read())
    reply = await http.post("/api/v1/chat", content=body, headers=headers)
    assert 200 == reply.status_code, reply.text


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


ENDLESS: list[tuple[str, dict[str, Any], int]] = [
    ("/api/v1/chat", {"messages": [0] * 80_000}, 422),
    ("/api/v1/chat", {"messages": [0] * 4_000_000}, 413),
    ("/api/v1/chat", {"messages": [{}] * 9_000}, 422),
    ("/api/v1/chat", {"messages": QUESTION * (MAX_MESSAGES + 1)}, 422),
    ("/api/v1/chat", {"message": "x", "images": [0] * 80_000}, 422),
    ("/api/v1/chat", {"message": "x", "files": [{}] * 9_000}, 422),
    ("/api/v1/chat", {"message": "x", "options": {"stop": [0] * 80_000}}, 422),
    ("/api/v1/chat", {"message": "x", "options": {"stop": ["x"] * (MAX_ITEMS + 1)}}, 422),
    ("/api/v1/chat", {"message": "x", "metadata": {str(n): n for n in range(300_000)}}, 413),
    ("/api/v1/chat", {"message": "x", "metadata": {"a": nested(MAX_DEPTH)}}, 400),
    ("/v1/chat/completions", {"messages": [0] * 80_000}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [0] * 80_000}]}, 400),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{}] * 9_000}]}, 400),
    ("/v1/chat/completions", {"messages": QUESTION, "tools": [0] * 80_000}, 400),
    ("/v1/chat/completions", {"messages": QUESTION, "stop": [0] * 80_000}, 400),
    (
        "/v1/chat/completions",
        {"messages": QUESTION, "logit_bias": {str(n): "x" for n in range(80_000)}},
        400,
    ),
    (
        "/v1/chat/completions",
        {"messages": QUESTION, "metadata": {str(n): 1 for n in range(80_000)}},
        400,
    ),
    ("/v1/chat/completions", {"messages": [{"role": "user", "tool_calls": [0] * 80_000}]}, 400),
    ("/v1/chat/completions", {"messages": nested(MAX_DEPTH + 1)}, 400),
    ("/api/chat", {"messages": [0] * 80_000}, 400),
    ("/api/chat", {"messages": QUESTION, "tools": [0] * 80_000}, 400),
    ("/api/chat", {"messages": QUESTION, "options": {"stop": [0] * 80_000}}, 400),
    ("/api/chat", {"messages": [{"role": "user", "images": [0] * 80_000}]}, 400),
    ("/api/generate", {"prompt": "x", "images": [0] * 80_000}, 400),
]


@pytest.mark.parametrize(("path", "fields", "status"), ENDLESS)
async def test_lists_are_bounded(
    http: httpx.AsyncClient, provider: Provider, path: str, fields: dict[str, Any], status: int
) -> None:
    """A list without end is refused in a second or so, with a short error, before a run starts."""
    body = fields if path == "/api/v1/chat" else {"model": "general", **fields}
    began = time.monotonic()
    reply = await http.post(path, json=body)
    assert status == reply.status_code
    assert len(reply.content) < 5000
    assert time.monotonic() - began < 20  # it was minutes
    assert 0 == provider.opened


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/v1/chat", "options"),
        ("/api/v1/chat", "metadata"),
        ("/api/v1/chat", "session_state"),
        ("/v1/chat/completions", ""),
        ("/api/chat", "options"),
    ],
)
async def test_numbers_are_finite(
    http: httpx.AsyncClient, path: str, place: str, number: str
) -> None:
    """A number that no provider and no store can hold is the client's mistake on every door."""
    body = json.dumps({**DOORS[path], **({place: {"temperature": 5.5}} if place else {})})
    if not place:
        body = body[:-1] + ', "temperature": 5.5}'
    reply = await http.post(path, content=body.replace("5.5", number))
    assert reply.status_code in (400, 422), reply.text
    assert len(reply.content) < 2000


async def test_at_most_ten_problems_are_named(http: httpx.AsyncClient) -> None:
    """An error names ten wrong fields, and the number of the others."""
    fields = (
        "message messages stream agent model conversation_id images files audio videos options "
        "timeouts on_disconnect on_busy background max_rounds user"
    )
    reply = await http.post("/api/v1/chat", json=dict.fromkeys(fields.split(), 5.5))
    error = reply.json()["error"]
    assert 10 == len(error["fields"])
    assert "more" in error["message"]
    assert 422 == reply.status_code


async def test_a_long_history_is_accepted(http: httpx.AsyncClient) -> None:
    """The bounds leave room for what people have: thousands of messages, hundreds of tools."""
    messages = [{"role": ("assistant", "user")[n % 2], "content": "x"} for n in range(3000)]
    tool = {"type": "object", "properties": {str(n): {"type": "string"} for n in range(20)}}
    functions = [{"name": f"f{n}", "parameters": tool} for n in range(300)]
    tools = [{"type": "function", "function": function} for function in functions]
    body = {"model": "general", "messages": messages, "tools": tools}
    reply = await http.post("/v1/chat/completions", json=body)
    assert 200 == reply.status_code, reply.text


def of_values(values: str) -> bytes:
    return b'{"message": "x", "metadata": {"a": [%b]}}' % values.encode()


#: The values of a list, and whether they are too many.
MANY = {
    "zeros": ("0," * MAX_VALUES + "0", True),
    "floats": ("0.1," * 2_000_000 + "0", True),
    "objects": ('{"a":0},' * MAX_CONTAINERS + "0", True),
    "lists": ("[]," * MAX_CONTAINERS + "0", True),
    "strings": ('"",' * MAX_VALUES + "0", True),
    "after an escape at a cut": ('"' + "\\\\" * SLICE + '",' + "0," * MAX_VALUES + "0", True),
    "after a quotation mark": ('"\\"",' + "0," * MAX_VALUES + "0", True),
    "as many as may be": ("0," * (MAX_VALUES - 4) + "0", False),
    "commas in a text": ('"' + "," * (2 * MAX_VALUES) + '"', False),
    "openings in a text": ('"' + '[{\\"' * MAX_CONTAINERS + '"', False),
    "backslashes": ('"' + "\\\\" * 1_000_000 + '"', False),
    "quotation marks": ('"' + '\\"' * 1_000_000 + '"', False),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
async def test_values_are_counted_before_they_are_parsed(name: str, encoding: str) -> None:
    """Too many values are refused, whatever stands in texts before them; others are read."""
    values, too_many = MANY[name]
    body = bytearray(of_values(values).decode().replace("x", "\u2222").encode(encoding))
    if too_many:
        with pytest.raises(TooLarge):
            await parse_in_turns(body)
    else:
        assert "\u2222" == (await parse_in_turns(body))["message"]


async def test_bodies_are_whole_in_memory_and_in_files(tmp_path: Path) -> None:
    """A body has all its bytes, whether it was kept in memory, in a file, or in memory because the
    file cannot be written; nothing of it is left afterwards."""
    gone = tmp_path / "gone"
    for folder in (tmp_path, gone, None):
        allowance = Allowance(1 << 30, folder)
        with allowance.part() as other, allowance.part() as part:
            await other.keep(bytes(IN_MEMORY))
            pieces = [bytes([n % 251]) * (n * 997) for n in range(150)]
            for piece in pieces:
                await part.keep(piece)
            assert b"".join(pieces) == await part.whole()
            inside = allowance.in_memory <= IN_MEMORY
            assert inside == (folder == tmp_path)
        assert (0, 0) == (allowance.taken, allowance.in_memory)
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))


def test_an_allowance_is_shared_and_given_back() -> None:
    """Large bodies share the allowance; small ones are never refused for them."""
    allowance = Allowance(1000)
    with allowance.part() as one, allowance.part() as two:
        one.take(FREE + 900)
        two.take(FREE)
        two.take(100)
        with pytest.raises(Overloaded):
            two.take(1)
    assert 0 == allowance.taken


async def until(http: httpx.AsyncClient, content: str, status: int) -> httpx.Response:
    """Ask again until the server has noticed what others do."""
    for _ in range(200):
        reply = await http.post("/api/v1/chat", content=content)
        if reply.status_code == status:
            return reply
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {status}")


async def test_bodies_are_bounded_in_all(serve: Serve, provider: Provider) -> None:
    """While others are sending large bodies, a further one is 503, and a small one is answered."""
    server = serve(max_bodies_bytes=3 << 19, max_body_bytes=1 << 20)
    provider.default = Reply("Hello from the provider.")
    writers = []
    for _ in range(2):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        size = 1 << 20
        head = f"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        writer.write(head.encode() + b" " * (size - (1 << 18)))
        await writer.drain()
        writers.append(writer)
    while any(writer.transport.get_write_buffer_size() for writer in writers):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)  # a request that is read before them would have them refused
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        large = json.dumps({"message": "x" * (1 << 19), "stream": False})
        reply = await until(http, large, 503)
        assert ("overloaded", "1") == (reply.json()["error"]["code"], reply.headers["retry-after"])
        small = {"message": "Hello?", "stream": False}
        assert 200 == (await http.post("/api/v1/chat", json=small)).status_code
        for writer in writers:
            writer.close()
        await until(http, large, 200)
