"""A TCP proxy that breaks connections after a number of bytes, or refuses them for a while."""

import socket
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"  # SO_LINGER of 0 s: a close sends a reset


class Proxy:
    """`with Proxy(port, cuts=[100, 250]) as proxy:` listens at `proxy.url`.

    Each connection uses up one of `cuts`: it breaks after that many bytes from the server, with a
    reset or, if not `reset`, an orderly end. Later connections are not cut. While `hold` is set,
    the bytes of the server are held back. `connections` counts all connections.
    """

    def __init__(self, port: int, cuts: Iterable[int] = (), *, reset: bool = True) -> None:
        self._target = ("127.0.0.1", port)
        self._cuts, self._reset = deque(cuts), reset
        self.connections = 0
        self.hold = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()

    @property
    def unused_cuts(self) -> int:
        """The number of cuts that no connection has used yet."""
        return len(self._cuts)

    def cut(self) -> None:
        """Break all connections that are open."""
        for one in list(self._open):
            self._close(one)

    def redirect_to(self, port: int) -> None:
        """Forward new connections to another server."""
        self._target = ("127.0.0.1", port)

    def refuse(self) -> None:
        """Refuse new connections, and break the open ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        self.cut()

    def accept(self) -> None:
        """Accept connections again, at the same address."""
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
                while self.hold.is_set():
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
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            # Without it a thread that reads from the socket would keep it open.
            one.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        one.close()
