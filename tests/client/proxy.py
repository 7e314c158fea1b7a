"""A TCP proxy that loses connections: after so many bytes, or while it is told to refuse them."""

import socket
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

NOW = b"\1\0\0\0\0\0\0\0"  # SO_LINGER of nothing: a close is a reset


class Proxy:
    """`with Proxy(port, cuts=[100, 250]) as proxy:` listens at `proxy.url`.

    Each connection takes one of `cuts`: it breaks after that many bytes of the server's, with a
    reset or, if not `reset`, an orderly end. When they are used up, connections last. Set `holds`
    and what the server sends is kept back. `connections` counts all that were made.
    """

    def __init__(self, port: int, cuts: Iterable[int] = (), *, reset: bool = True) -> None:
        self._target = ("127.0.0.1", port)
        self._cuts, self._reset = deque(cuts), reset
        self.connections = 0
        self.holds = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()

    @property
    def left(self) -> int:
        """Cuts that no connection has taken yet."""
        return len(self._cuts)

    def cut(self) -> None:
        """Break all connections that are open."""
        for one in list(self._open):
            self._close(one)

    def lead_to(self, port: int) -> None:
        """Connect those that come from now on with another server."""
        self._target = ("127.0.0.1", port)

    def refuse(self) -> None:
        """Let nobody in any more, and break what is open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.cut()

    def accept(self) -> None:
        """Let everybody in again, at the same address."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._listen, args=(self._listener,), daemon=True).start()

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def _listen(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                cut = self._cuts.popleft() if self._cuts else None
                try:
                    server = socket.create_connection(self._target)
                except OSError:
                    self._close(client)
                    continue
                self._open |= {client, server}
                for work, arguments in ((self._up, ()), (self._down, (cut,))):
                    threading.Thread(
                        target=work, args=(client, server, *arguments), daemon=True
                    ).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._close(server)

    def _down(self, client: socket.socket, server: socket.socket, cut: int | None) -> None:
        left = cut
        with suppress(OSError):
            while data := server.recv(65536):
                while self.holds.is_set():
                    threading.Event().wait(0.01)
                client.sendall(data[:left])
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        break
        self._close(client, reset=cut is not None and self._reset)
        self._close(server)

    def _close(self, one: socket.socket, *, reset: bool = False) -> None:
        self._open.discard(one)
        with suppress(OSError):
            if reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
            # Without it a thread that reads from the socket would keep it open.
            one.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        one.close()
