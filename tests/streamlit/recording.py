"""`Recording`: an answer as it comes, with the time of each event.

Streamlit runs the script again at each click, so no script can hold a stream. A recording runs
beside the scripts of its page; the one that runs next finds it where it is.

See docs/decisions/051-the-streamlit-app-reads-in-a-process-of-its-own.md.
"""

import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

from agno_stream import Exchange, ModelResponse, StreamChunk
from tests.streamlit.events import Began, Event, Order

ROOT = Path(__file__).resolve().parents[2]

#: Seconds without a look after which a page counts as gone. Browsers run hidden pages once a
#: minute.
PATIENCE = 90.0


class Recording:
    """What an order brings, read to its end unless nobody looks any more.

    `question` is None where it is not known, as after a reload. `before`
    is the run of the turn before, if there is one. `began` is Unix time in seconds.
    """

    def __init__(
        self, order: Order, question: str | None = None, *, before: str | None = None
    ) -> None:
        self.order, self.question = order, question or order.question
        self.before = before
        self.began = time.time()
        self.events: list[Event] = []
        self.exchanges: list[Exchange] = []
        self.stopped = False
        self._looked = time.monotonic()
        self._reader = subprocess.Popen(
            [sys.executable, "-m", "tests.streamlit.reader"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    @property
    def resumed(self) -> bool:
        return self.order.question is None and not self.order.replaces

    @property
    def run_id(self) -> str | None:
        """Known from the first event on, and so only at the end of an answer in one piece."""
        return self.order.run_id or (self.events[0].chunk.run_id if self.events else None)

    @property
    def continues(self) -> bool:
        """Whether it is of a run that continues a paused one, and so a part of that one's turn."""
        return bool(
            self.order.continues or (self.events and "continues" in self.events[0].chunk.raw)
        )

    @property
    def running(self) -> bool:
        return self._thread.is_alive() and self.last is None

    @property
    def last(self) -> StreamChunk | None:
        """The last chunk, once it is there."""
        return self.events[-1].chunk if self.events and self.events[-1].chunk.done else None

    @property
    def answer(self) -> ModelResponse:
        """The answer so far."""
        answer = ModelResponse.from_chunks(event.chunk for event in self.events[:])
        if self.last is not None and "parts" in self.last.raw:  # one piece has all of them
            answer.parts = list(self.last.raw["parts"])
        return answer

    def look(self) -> None:
        """Note that somebody still reads it."""
        self._looked = time.monotonic()

    def leave(self) -> None:
        """Read no further; the server cancels an unstreamed answer when its reader leaves."""
        self.stopped = True
        self._reader.kill()
        self._thread.join()

    def _record(self) -> None:
        reader = self._reader
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            with reader:
                pickle.dump(self.order, reader.stdin)
                reader.stdin.flush()
                while time.monotonic() - self._looked < PATIENCE:
                    self._take(pickle.load(reader.stdout))
                reader.kill()
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            pass  # it has ended, or was killed in the middle of a word

    def _take(self, what: object) -> None:
        match what:
            case Began(at=at):
                self.began = at
            case Event():
                self.events.append(what)
            case Exchange():
                self.exchanges.append(what)
