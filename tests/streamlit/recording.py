"""`Recording`: an answer as it comes, with the time of each event.

Streamlit runs a script anew at each click, so no script can hold a stream. A recording has a thread
of its own; the scripts of its page look at it, and the one that runs next finds it where it is.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

from agno_stream import AsyncClient, Config, Exchange, ModelResponse, StreamChunk
from agno_stream.requests import Asked

Chunks = AsyncGenerator[StreamChunk, None]

#: Seconds after which a page that has not looked is gone. A browser looks after hidden pages once a
#: minute.
PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Event:
    """A chunk, and when it was here, as Unix time in seconds."""

    at: float
    chunk: StreamChunk


class Recording:
    """What `source` yields, read to its end unless nobody looks any more.

    `question` is None where it is not known, as after a reload. `began` is Unix time in seconds;
    `after` is the number of the event behind which a resumed run was to go on, None where the run
    is new.
    """

    def __init__(
        self,
        config: Config,
        source: Callable[[AsyncClient], Chunks],
        *,
        question: str | None = None,
        run_id: str | None = None,
        after: int | None = None,
    ) -> None:
        self.question, self.after = question, after
        self.began = time.time()
        self.events: list[Event] = []
        self.exchanges: list[Exchange] = []
        self.stopped = False
        self._run_id = run_id
        self._looked = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._read(config, source))
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @classmethod
    def ask(cls, config: Config, question: str, *, stream: bool, asked: Asked) -> "Recording":
        """A question, answered in a stream or in one piece."""
        if stream:
            return cls(config, lambda c: c.generate_stream(question, **asked), question=question)
        return cls(config, lambda c: _whole(c, question, asked), question=question)

    @classmethod
    def resume(
        cls,
        config: Config,
        run_id: str,
        after: int = 0,
        *,
        pace: bool = False,
        question: str | None = None,
    ) -> "Recording":
        """A run that is known, from behind event `after`."""
        return cls(
            config,
            lambda client: client.resume(run_id, after, pace=pace),
            question=question,
            run_id=run_id,
            after=after,
        )

    @property
    def run_id(self) -> str | None:
        """Known from the first event on, and so only at the end of an answer in one piece."""
        return self._run_id or (self.events[0].chunk.run_id if self.events else None)

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and self.last is None

    @property
    def last(self) -> StreamChunk | None:
        """The last chunk, once it is there."""
        return self.events[-1].chunk if self.events and self.events[-1].chunk.done else None

    @property
    def answer(self) -> ModelResponse:
        """What there is of the answer."""
        answer = ModelResponse.from_chunks(event.chunk for event in self.events[:])
        if self.last is not None and not answer.tools:  # one piece has all of them
            answer.tools = list(self.last.raw.get("tools", ()))
        return answer

    def look(self) -> None:
        """Say that somebody still wants to see it."""
        self._looked = time.monotonic()

    def leave(self) -> None:
        """Read no further; the server ends an answer in one piece when its reader leaves."""
        self.stopped = True
        with suppress(RuntimeError):  # it has ended meanwhile, and its loop is closed
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(timeout=5)

    def _work(self) -> None:
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        finally:
            self._loop.close()

    async def _read(self, config: Config, source: Callable[[AsyncClient], Chunks]) -> None:
        async with (
            AsyncClient(config, on_exchange=self.exchanges.append) as client,
            aclosing(source(client)) as chunks,
        ):
            async for chunk in chunks:
                self.events.append(Event(time.time(), chunk))
                if time.monotonic() - self._looked > PATIENCE:
                    return


async def _whole(client: AsyncClient, question: str, asked: Asked) -> Chunks:
    """An answer in one piece, as the one event that it is."""
    response = await client.generate(question, **asked)
    chunk = StreamChunk(response.text, True, response.error, response.number, response.run_id)
    chunk.model, chunk.agent, chunk.usage = response.model, response.agent, response.usage
    chunk.conversation_id, chunk.reasoning = response.conversation_id, response.reasoning
    chunk.finish_reason, chunk.failure = response.finish_reason, response.failure
    chunk.raw = response.raw
    yield chunk
