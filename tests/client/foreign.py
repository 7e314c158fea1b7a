"""A server of another kind."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def foreign(reply: bytes) -> Iterator[str]:
    """A server that sends the same reply to every request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(65536)
                client.sendall(reply)
                client.shutdown(socket.SHUT_WR)
                # Closed with a part of the request unread, the connection would be reset, and the
                # reply lost.
                client.settimeout(5)
                with suppress(OSError):
                    while client.recv(65536):
                        pass

    thread = threading.Thread(target=answer)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()
