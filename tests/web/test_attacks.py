"""What one client without a key sends does not stop the server for the others."""

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.command import SERVE, Command
from tests.web.attacks import (
    Visitor,
    connect,
    exchange,
    flood,
    memory,
    receive,
    repeated,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: Growth of the server's memory that is left to it, in bytes. The attacks made 1.1 to 2.2 GB.
ROOM = 100 << 20

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    with Command(
        tmp_path_factory.mktemp("server"), SERVE, HEAD_TIMEOUT="2", MAX_CONNECTIONS="60"
    ) as running:
        httpx.get(f"{running.url}/healthz")
        yield running


@contextlib.contextmanager
def visited(url: str) -> Iterator[Visitor]:
    """Someone else asks during the block, and is answered within seconds."""
    visitor = Visitor(url)
    stopped = threading.Event()

    def keep_visiting() -> None:
        visitor.visit()
        while not stopped.wait(0.05):
            visitor.visit()

    thread = threading.Thread(target=keep_visiting)
    thread.start()
    try:
        yield visitor
    finally:
        stopped.set()
        thread.join()
        visitor.close()
    assert visitor.answered
    assert visitor.slowest < 5


FLOODS = {
    "pipelined requests": (b"", GET + b"\r\n"),
    "pipelined requests with bodies": (
        b"",
        b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\n\r\n",
    ),
    "empty fields": (GET, b"a:b\r\n"),
    "one field": (GET + b"X-Long: ", b"a" * 64),
    "the address": (b"GET /", b"a" * 64),
    "the method": (b"", b"A" * 64),
    "line ends": (b"", b"\r\n"),
    "fields after a body": (
        b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"a:b\r\n",
    ),
    "one field after a body": (
        b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: ",
        b"a" * 64,
    ),
    "a body that nobody reads": (
        b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        b"a" * 64,
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_neither_grows_the_server_nor_stops_it(command: Command, name: str) -> None:
    """Megabytes without end before there is a request cost little memory, and others do not
    wait."""
    first, text = FLOODS[name]
    before = memory(command.process.pid, reset=True)
    with visited(command.url):
        flood(command.url, itertools.chain([first] if first else [], repeated(text)))
    assert memory(command.process.pid) - before < ROOM


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GET + b"a: b\r\n" * 200, b"431"),
        (GET + b"X-Long: " + b"a" * 40_000, b"431"),
        (b"GET /v1/" + b"a" * 20_000 + b" HTTP/1.1\r\n", b"414"),
        (b"GET /?" + b"a" * 17_000, b"414"),
    ],
)
def test_a_head_that_is_too_large_is_refused(command: Command, head: bytes, status: bytes) -> None:
    """The refusal has its status and its code, and the connection is closed."""
    reply = exchange(command.url, head + b"\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in reply.lower()
    assert {b"431": b"head_too_large", b"414": b"address_too_long"}[status] in reply


def test_a_long_field_in_small_pieces_is_refused_early(command: Command) -> None:
    """The bytes of a field count while they come, not only once it is complete."""
    with connect(command.url) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(GET + b"X-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(3000):
                client.sendall(b"a" * 20)
        assert receive(client).startswith(b"HTTP/1.1 431")


def test_heads_that_never_end_are_cut_off(command: Command) -> None:
    """Slow heads are refused with 408 in time, and connections that send nothing are closed."""
    with contextlib.ExitStack() as stack, visited(command.url):
        slow = [stack.enter_context(connect(command.url)) for _ in range(20)]
        silent = [stack.enter_context(connect(command.url)) for _ in range(20)]
        for _ in range(8):
            for client in slow:
                with contextlib.suppress(ConnectionError):
                    client.sendall(b"G" if client is slow[0] else b"GET / HTTP/1.1\r\nX")
                    time.sleep(0.02)
        assert all(b"" == receive(client) for client in silent)
        replies = [receive(client) for client in slow[1:]]
    assert all(reply[:12] in (b"HTTP/1.1 408", b"HTTP/1.1 400") for reply in replies)


def test_a_slow_head_is_told_408(command: Command) -> None:
    """A head that comes byte by byte for too long gets the status that clients know."""
    with connect(command.url) as client:
        for byte in b"GET /v1/models HTTP/1.1\r\nHost: localhost":
            client.sendall(bytes([byte]))
        reply = receive(client)
    assert reply.startswith(b"HTTP/1.1 408")
    assert b'"head_timeout"' in reply


def test_idle_connections_make_room(command: Command) -> None:
    """Whoever opens all connections and sends nothing does not keep the others out."""
    with contextlib.ExitStack() as stack, visited(command.url):
        for _ in range(300):
            stack.enter_context(connect(command.url))


def test_connections_are_bounded(command: Command) -> None:
    """If all connections have a stream, a further request is told 503; when one ends, it is
    not."""
    ask = b'{"message": "slow"}'
    head = b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(command.url)) for _ in range(60)]
        for client in clients:
            client.sendall(head % len(ask) + ask)
        for client in clients:
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")
        reply = exchange(command.url, GET + b"\r\n")
        assert reply.startswith(b"HTTP/1.1 503")
        assert b"retry-after" in reply.lower()
        clients[0].close()
        deadline = time.monotonic() + 20
        while not exchange(command.url, GET + b"Connection: close\r\n\r\n").startswith(
            b"HTTP/1.1 200"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_descriptors_for_the_connections_are_there(tmp_path: Path) -> None:
    """The server raises its limit of open files, as far as it may, to what its connections need."""
    with Command(tmp_path, MAX_CONNECTIONS="700") as command:
        limits = Path(f"/proc/{command.process.pid}/limits").read_text(encoding="ascii")
        line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
        soft, hard = (int(word) for word in line.split()[3:5])
        assert soft >= min(hard, 700)


BODY = b'{"message": "hi", "stream": false}'
UPGRADES = [
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n",
    b"connection: keep-alive, upgrade\r\nUPGRADE: TLS/1.2\r\n",
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AA==\r\n",
]


@pytest.mark.parametrize("offer", UPGRADES)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 30])
def test_an_upgrade_is_ignored(command: Command, offer: bytes, chunked: bool, cut: int) -> None:
    """A request that offers another protocol is answered like any other, with its body, however
    it is cut into packets; so is the one after it."""
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY) if chunked else BODY
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(BODY)
    head = b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\n" + offer + length + b"\r\n\r\n"
    request = head + sent + GET + b"Connection: close\r\n\r\n"
    place = len(head) + cut - 1
    pieces = [request[:place], request[place:]] if cut else [request]
    reply = exchange(command.url, *pieces)
    assert 2 == reply.count(b"HTTP/1.1 200 OK"), reply[:300]
    assert b"You wrote" in reply
    assert reply.endswith(b'{"status":"ok"}')


def test_curl_with_an_upgrade_is_answered(command: Command) -> None:
    """curl offers HTTP/2 in the way of Java's HTTP client."""
    words = ["curl", "--http2", "-sS", "-m", "20", "-d", BODY.decode()]
    found = subprocess.run(
        [*words, f"{command.url}/api/v1/chat"], capture_output=True, check=True, timeout=30
    )
    assert b"You wrote" in found.stdout


def test_http_1_0_is_answered_without_chunks(command: Command) -> None:
    """A stream to a client of HTTP/1.0 ends with the connection, and has no chunk's length."""
    ask = b'{"message": "hi"}'
    head = b"POST /api/v1/chat HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    reply = exchange(command.url, head % len(ask) + ask)
    fields, _, body = reply.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in fields.lower()
    assert b"connection: close" in fields.lower()
    assert body.startswith((b"retry:", b"id:", b"data:", b":"))
    assert body.endswith(b"\n\n")
    assert b'"done":true' in body


def test_pipelined_requests_are_answered_in_order(command: Command) -> None:
    """Requests that come together, with bodies or without, each have their response in turn."""
    paths = [b"/healthz", b"/nowhere/%d", b"/v1/models", b"/api/version"]
    requests = b""
    for number in range(200):
        path = paths[number % 4].replace(b"%d", b"%d" % number)
        requests += b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
        if not number % 10:
            requests += (
                b"POST /nowhere/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nGET"
            )
    requests += GET + b"Connection: close\r\n\r\n"
    reply = exchange(command.url, requests[:5000], requests[5000:5001], requests[5001:])
    assert 221 == reply.count(b"HTTP/1.1 ")
    numbers = [int(part.split(b'"')[0]) for part in reply.split(b"GET /nowhere/")[1:]]
    assert list(range(1, 200, 4)) == numbers


def test_fields_after_a_body_are_no_fields_of_the_request(tmp_path: Path) -> None:
    """A key that follows a chunked body authenticates nobody."""
    with Command(tmp_path, API_KEYS="alice:alice-key-0123456789") as command:
        head = b"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        key = b"Authorization: Bearer alice-key-0123456789\r\n"
        close = b"Connection: close\r\n"
        sent = b"\r\n%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
        reply = exchange(command.url, head + close + sent + key + b"\r\n")
        assert reply.startswith(b"HTTP/1.1 401")
        reply = exchange(command.url, head + close + key + sent + b"\r\n")
        assert reply.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("request_line", [b"CONNECT example.org:443 HTTP/1.1", b"GET / HTTP/9.9"])
def test_what_is_no_request_is_refused(command: Command, request_line: bytes) -> None:
    """The refusal says so, and leaves the server in peace."""
    reply = exchange(command.url, request_line + b"\r\nHost: localhost\r\n\r\n")
    assert reply[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 405")
    assert 200 == httpx.get(f"{command.url}/healthz").status_code
