"""A server that stops answers what clients have sent to it before it closes their connections."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest
import uvicorn
import uvloop
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from app.web import PROTOCOL, Connections, close_listeners, server_of

REQUEST = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

#: What a client has sent before the server stops, and afterwards.
CLIENTS = {
    "waits in the backlog, with a request": (None, REQUEST, b""),
    "waits in the backlog, and asks then": (None, b"", REQUEST),
    "has connected, and asks in this moment": (b"", REQUEST, b""),
    "has connected, and asks then": (b"", b"", REQUEST),
    "has sent half a head": (REQUEST[:20], b"", REQUEST[20:]),
    "had a response, and asks in this moment": (REQUEST, REQUEST, b""),
}


async def leave(client: str, *, signal: bool = True) -> bytes:
    """Stop a server, by a signal or not, while a client asks; return what the client gets."""
    before, now, then = CLIENTS[client]
    app = FastAPI()
    app.get("/x")(lambda: PlainTextResponse("answer"))
    connections = Connections()
    config = uvicorn.Config(
        connections.shared_with(app),
        interface="asgi3",
        http=PROTOCOL,
        ws="none",
        port=0,
        log_config=None,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    address = server.servers[0].sockets[0].getsockname()
    with socket.socket() as conn:
        conn.connect(address)
        if before is not None:
            conn.sendall(before)
            await asyncio.sleep(0.1)
        if before == REQUEST:
            assert conn.recv(4096).endswith(b"answer")
        conn.sendall(now)  # since a connection in the backlog nothing has waited for the loop
        if signal:
            connections.leaving = True
            await close_listeners(server)
        stopping = asyncio.create_task(server.shutdown())
        await asyncio.sleep(0.02)
        conn.sendall(then)
        conn.settimeout(5)
        received = await asyncio.to_thread(receive, conn)
        await stopping
    with contextlib.suppress(ConnectionRefusedError), socket.socket() as late:
        late.connect(address)
        raise AssertionError("the listener is still open")
    return received


def receive(conn: socket.socket) -> bytes:
    received = b""
    while data := conn.recv(4096):
        received += data
    return received


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("client", CLIENTS)
def test_what_was_sent_is_answered(client: str, loop: str) -> None:
    """The answer comes whole and says that the connection closes, and nobody can connect any
    more."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        received = runner.run(leave(client))
    head, _, body = received.partition(b"\r\n\r\n")
    assert (b"HTTP/1.1 200 OK", b"answer") == (head.splitlines()[0], body)
    assert b"connection: close" in head.lower()


def test_the_server_of_a_handler() -> None:
    """uvicorn's handler of signals leads to its server, and no other handler does."""
    server = uvicorn.Server(uvicorn.Config(FastAPI()))
    assert server is server_of(server.handle_exit)
    assert [None, None, None] == [server_of(None), server_of(print), server_of([].append)]


@pytest.mark.parametrize("client", [name for name in CLIENTS if name.startswith("ha")])
def test_a_server_that_no_signal_stops_keeps_connections(client: str) -> None:
    """A server in a thread, or one that has served enough, stops without a signal: it answers what
    was sent to it just the same, and closes each connection then."""
    with asyncio.Runner() as runner:
        received = runner.run(leave(client, signal=False))
    assert received.endswith(b"answer")
    assert b"connection: close" in received.lower()
