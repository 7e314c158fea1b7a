"""Reads one answer, in a process of its own: `python -m tests.streamlit.reader`.

In the process of the page, threads that draw would keep the one that reads waiting, and the times
would tell of them and not of the server. An `Order` comes in; `Began`, each `Exchange` and each
`Event` go out, pickled.
"""

import pickle
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from agno_stream import Client, StreamChunk
from tests.streamlit.events import Began, Event, Order


def main() -> None:
    order: Order = pickle.load(sys.stdin.buffer)
    with Client(order.config, on_exchange=emit) as client:
        emit(Began(time.time()))
        for chunk in chunks(client, order):
            emit(Event(time.time(), chunk))


def emit(what: object) -> None:
    pickle.dump(what, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def chunks(client: Client, order: Order) -> Iterator[StreamChunk]:
    if order.continues:
        yield from client.continue_run(order.continues, order.decisions)
    elif order.replaces:
        yield from client.regenerate(order.replaces, **order.options)
    elif order.question is None:
        yield from client.resume(order.run_id, order.after, pace=order.pace)
    elif order.stream:
        yield from client.generate_stream(order.question, **order.options)
    else:
        yield whole(client, order.question, order)


def whole(client: Client, question: str, order: Order) -> StreamChunk:
    """An answer in one piece, as the one event that it is."""
    response = client.generate(question, **order.options)
    chunk = StreamChunk(response.text, True, response.error, response.number, response.run_id)
    chunk.model, chunk.agent, chunk.usage = response.model, response.agent, response.usage
    chunk.conversation_id, chunk.reasoning = response.conversation_id, response.reasoning
    chunk.finish_reason, chunk.failure = response.finish_reason, response.failure
    chunk.raw = response.raw
    return chunk


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):  # the page is gone, or was stopped
        main()
