"""Answers every request with a recorded stream, a write for each event.

`python replay.py PORT native|openai TOKENS` has the form of the server's own stream, or OpenAI's.
"""

import json
import socket
import sys
import threading


def event(form: str, number: int) -> bytes:
    text = f"word{number} "
    if form == "native":
        data = {"content": text, "done": False, "model": "gpt-4o-mini"}
        return f"id: {RUN}:{number}\ndata: {json.dumps(data)}\n\n".encode()
    data = {"id": RUN, "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    data["choices"] = [{"index": 0, "delta": {"content": text}, "finish_reason": None}]
    return f"data: {json.dumps(data)}\n\n".encode()


def last(form: str, number: int) -> bytes:
    if form == "openai":
        return b"data: [DONE]\n\n"
    data = {"content": "", "done": True, "model": "gpt-4o-mini", "finish_reason": "stop"}
    return f"id: {RUN}:{number}\ndata: {json.dumps(data)}\n\n".encode()


def answer(client: socket.socket, writes: list[bytes]) -> None:
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"}" not in request:  # its body is JSON without an inner object at its end
            if not (part := client.recv(65536)):
                return
            request += part
        for write in writes:
            client.sendall(write)


RUN = "9f0c2d4be86a4f0f8d0e4f0c5a7b1e2d"
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)

if __name__ == "__main__":
    port, form, tokens = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    events = [*(event(form, number + 1) for number in range(tokens)), last(form, tokens + 1)]
    chunks = [b"%x\r\n%b\r\n" % (len(one), one) for one in events]
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            work = (listener.accept()[0], [HEAD, *chunks, b"0\r\n\r\n"])
            threading.Thread(target=answer, args=work, daemon=True).start()
