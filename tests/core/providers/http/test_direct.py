"""Our HTTP client for chat completions has the outcomes that the SDK's has, whatever comes."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from app.core.providers.http.posting import stop_posting
from tests.core.providers.http.wires import (
    HEAD,
    Got,
    Play,
    Step,
    Wire,
    ask,
    chunked,
    model_of,
    refusal,
    sized,
)
from tests.core.providers.wire.streams import chunk, data, words

pytestmark = pytest.mark.asyncio(loop_scope="module")  # connections belong to an event loop

CLOSE, RESET, SILENCE = Step
WORDS = words()
OK = sized(WORDS)
NO = b'{"error": {"message": "no", "code": "bad"}}'
USAGE = data({"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3}})
WHOLE = {"choices": [{"index": 0, "message": {"content": "whole"}, "finish_reason": "stop"}]}
TRAILED = b'transfer-encoding: chunked\r\n\r\n%x;a;b="c;d"\r\n%s\r\n0\r\nx: y\r\nz: w\r\n\r\n'
MOVED = b"HTTP/1.1 %d Moved\r\n%scontent-length: 0\r\n\r\n"
ELSEWHERE = b"location: /v2/chat/completions\r\n"


def bytewise(whole: bytes) -> Play:
    """Bytes that come one by one."""
    return tuple(step for byte in whole for step in (bytes([byte]), 0.0))


#: What both ways make the same of, our client's and the SDK's.
ALIKE: dict[str, Play] = {
    "a length": (OK,),
    "no length": (HEAD + b"\r\n" + WORDS, CLOSE),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + WORDS, CLOSE),
    "extensions and trailers": (HEAD + TRAILED % (len(WORDS), WORDS),),
    "100 and 103": (
        b"HTTP/1.1 100 Continue\r\n\r\n",
        0.01,
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK,
    ),
    "byte by byte": bytewise(OK),
    "chunks of a byte, byte by byte": bytewise(chunked(*(bytes([byte]) for byte in WORDS))),
    "characters in halves": (
        *bytewise(
            sized(
                "data: {'choices':[{'delta':{'content':'ü€'}}]}\n\n".replace("'", '"').encode()
                + WORDS
            )
        ),
    ),
    "many tokens at once": (sized(chunk({"content": "x" * 50}) * 3000 + WORDS),),
    "no reason": (OK.replace(b" OK", b"", 1),),
    "a large head": (sized(WORDS, HEAD + b"x: " + b"y" * 5000 + b"\r\n"),),
    "close": (sized(WORDS, HEAD + b"connection: close\r\n"), CLOSE),
    "the same again": (OK + OK,),
    "another behind": (OK + sized(b"x", b"HTTP/1.1 500 No\r\n"),),
    "cut in a chunk": (chunked(WORDS[:-60], end=b"ffff\r\nda"), CLOSE),
    "cut between chunks": (chunked(WORDS[:200], end=b""), CLOSE),
    "cut before the last chunk": (chunked(WORDS, end=b""), CLOSE),
    "cut before its length": (OK[:-100], CLOSE),
    "reset": (OK[:-100], 0.02, RESET),
    "cut in the head": (HEAD, CLOSE),
    "closed at once": (CLOSE,),
    "reset at once": (RESET,),
    "no HTTP": (b"\x16\x03\x01\x00 what\r\n\r\n", CLOSE),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", SILENCE),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n" + WORDS, CLOSE),
    "two lengths": (HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", CLOSE),
    "a length and chunks": (HEAD + b"content-length: 3\r\n" + chunked(WORDS)[len(HEAD) :],),
    "a negative length": (HEAD + b"content-length: -3\r\n\r\n", CLOSE),
    "no colon": (sized(WORDS, HEAD + b"what\r\n"), CLOSE),
    "a folded header": (sized(WORDS, HEAD + b"x: a\r\n b\r\n"),),
    "line feeds": (OK.replace(b"\r\n", b"\n"), CLOSE),
    "201": (sized(WORDS, b"HTTP/1.1 201 OK\r\ncontent-type: text/event-stream\r\n"),),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n",),
    "304": (b"HTTP/1.1 304 No\r\n\r\n",),
    "301": (MOVED % (301, ELSEWHERE),),
    "307": (MOVED % (307, ELSEWHERE),),
    "307 to nowhere": (MOVED % (307, b""),),
    "gzip": (sized(gzip.compress(WORDS), HEAD + b"content-encoding: gzip\r\n"),),
    "a page": (sized(b"<html><h1>hi</h1>", b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"),),
    "a whole answer": (
        sized(json.dumps(WHOLE).encode(), b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"),
    ),
    "nothing": (sized(b""),),
    "an error in mid-stream": (sized(chunk({"content": "a"}) + data({"error": {"message": "x"}})),),
    "an error first": (sized(data({"error": {"message": "engine", "code": 429}})),),
    "DONE without an end": (chunked(WORDS, end=b""), SILENCE),
    "a finish reason, then silence": (chunked(words(done=b""), end=b""), SILENCE),
    "usage behind DONE": (sized(WORDS + USAGE),),
    "usage behind the finish reason": (
        HEAD + b"\r\n" + words(done=b""),
        0.05,
        USAGE,
        CLOSE,
    ),
    "silence": (SILENCE,),
    "silence behind the head": (HEAD + b"content-length: 100\r\n\r\n", SILENCE),
    "silence behind a text": (OK[:400], SILENCE),
    **{
        f"{status}": (refusal(status, NO, "retry-after: 3"),)
        for status in (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529, 999)
    },
    "429 with a date": (refusal(429, NO, "retry-after: Fri, 31 Dec 1999 23:59:59 GMT"),),
    "429 compressed": (refusal(429, gzip.compress(NO), "content-encoding: gzip"),),
    **{
        f"{status} {name}": (refusal(status, body, kind=kind),)
        for status in (400, 503)
        for name, body, kind in (
            ("with a page", b"<html><h1>Bad</h1>", "text/html"),
            ("without words", b"", "text/plain"),
            ("with a text", b"busy", "text/plain"),
            ("with no UTF-8", b"\xe4\xff", "text/plain"),
            ("with a list", b'[{"error": {"message": "x", "code": 3}}]', "application/json"),
            ("with a huge text", b'"' + b"x" * 3_000_000, "text/plain"),
            ("context", NO.replace(b"bad", b"context_length_exceeded"), "application/json"),
        )
    },
}

#: What our client gets more of than the SDK's: the text, and the code of the failure.
BETTER: dict[str, tuple[Play, str, str | None]] = {
    "a larger head": (
        (sized(WORDS, HEAD + b"x: " + b"y" * 20_000 + b"\r\n"),),
        "one two three",
        None,
    ),
    "bytes behind": ((OK + b"garbage",), "one two three", None),
    "a chunk without a size": (
        (chunked(WORDS[:200], end=b"zz\r\n"), SILENCE),
        "one ",
        "upstream_cut",
    ),
    "an endless head": ((HEAD + b"x: " + b"y" * 2**20, SILENCE), "", "model_unavailable"),
    "101": (
        (b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", CLOSE),
        "",
        "model_unavailable",
    ),
    "a refusal that is cut": ((refusal(429, NO)[:-10], CLOSE), "", "model_rate_limited"),
    "a refusal and silence": ((refusal(429, NO)[:-10], SILENCE), "", "model_rate_limited"),
    "a refusal that says gzip": (
        (refusal(429, NO, "content-encoding: gzip"),),
        "",
        "model_rate_limited",
    ),
    "an endless refusal": (
        (HEAD.replace(b"200", b"500") + b"\r\n", *(b"x" * 9999,) * 150, SILENCE),
        "",
        "model_unavailable",
    ),
}

Try = Callable[[Play], Awaitable[tuple[Got, int]]]


async def _ways(stack: AsyncExitStack, *, directly: bool) -> Try:
    wire = await stack.enter_async_context(Wire())
    model = await stack.enter_async_context(model_of(wire.url, directly=directly, timeout=0.4))

    async def ask_for(play: Play) -> tuple[Got, int]:
        if directly:  # a connection that is new, and a client that has seen nothing unusual
            stop_posting(model.async_client)
            model.async_client.chat.completions.create._usual = True
        wire.posted.clear()
        wire.plays.append(play)
        got = await ask(model)
        requests = len(wire.posted)
        again = await ask(model)
        assert ("one two three", "stop") == (again.text, again.end)
        return got, requests

    return ask_for


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ways() -> AsyncIterator[tuple[Try, Try]]:
    """Our client's way and the SDK's, each with a server of its own."""
    async with AsyncExitStack() as stack:
        yield await _ways(stack, directly=True), await _ways(stack, directly=False)


@pytest.mark.parametrize("name", ALIKE)
async def test_an_outcome_is_another(ways: tuple[Try, Try], name: str) -> None:
    """What a run knows of an answer is the same in both ways, after as many requests."""
    ours, theirs = await asyncio.gather(*(way(ALIKE[name]) for way in ways))
    assert ours == theirs


@pytest.mark.parametrize("name", BETTER)
async def test_an_outcome_is_worse(ways: tuple[Try, Try], name: str) -> None:
    """Where the SDK's client fails for a reason of its own, ours has what there is."""
    play, text, code = BETTER[name]
    got, requests = await ways[0](play)
    assert (text, code, 1) == (got.text, got.code, requests)
