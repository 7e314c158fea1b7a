"""One store of conversations: read and written within bounds of time, and never in silence."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from math import ceil
from typing import Any, TypeVar

from agno.db.base import SessionType
from sqlalchemy.ext.asyncio import AsyncEngine

from ...errors import InvalidField
from ...run_failures import ConversationsUnavailable
from .proxies.bounds import Line, LineTooLong, brief, is_refusal, retrieve, within
from .proxies.proxy import Db, inner_of, off_the_loop
from .readers.listing import listing_of
from .readers.probe import connections_of, probe_of
from .rows import TurnRows, type_of
from .sessions import AnySession, Session
from .writers.choice import writer_of
from .writers.pins import set_pin

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds that a read may take.
READ_TIMEOUT = 5.0

#: Seconds to create the tables of an empty database.
PREPARE_TIMEOUT = 30.0

#: Seconds without any progress of the store, and in all, after which a write is given up.
WRITE_TIMEOUT, LONGEST_WRITE = 1.8, 5.0

#: Seconds in all for a turn that has waited already, while nobody waits for it.
LONGEST_LATE_WRITE = 30.0

#: Seconds that a read waits for others, as far as that can be foreseen; then new runs are refused.
LONGEST_LINE = 5.0

#: The part of a pool that reads may use; more wait, so that a burst does not use it up.
READING = 0.5

#: Seconds for which a store that has answered is believed to answer again, and one that has not
#: to fail again.
BELIEVED = 1.0


class Store:
    """A store that an application brings, or the server's own.

    `unreadable` and `unwritable` are the messages of the last failures of a read and of a write;
    None while the store works. `failures` counts both.
    """

    def __init__(self, db: Db) -> None:
        self.db: Any = off_the_loop(db)
        self.id = str(getattr(db, "id", ""))
        self.unreadable: str | None = None
        self.unwritable: str | None = None
        self.failures = 0
        self._prepared = False
        self.listing = listing_of(self.db)
        self._probe = probe_of(self.db)
        self._writer = writer_of(self.db, self._replaced)
        self._line = Line(ceil(READING * connections_of(self.db)), LONGEST_LINE)
        self._answered = self._tried = 0.0  # by `time.monotonic()`

    async def close(self) -> None:
        """Write what waits; the store itself stays open."""
        await self._writer.close()
        self._probe.close()

    async def require(self) -> None:
        """Raise `ConversationsUnavailable` if the store cannot be read now; cheap if it could a
        moment ago."""
        if self.unreadable is not None or self._line.full:
            raise unavailable()
        if time.monotonic() - self._answered > BELIEVED:
            await self.check()

    async def check(self) -> None:
        """Read something; raises `ConversationsUnavailable`."""
        await self.read(self._probe.check())

    async def holds(self, session: Session) -> bool:
        """Whether the store has a session; False if it cannot know. Raises
        `ConversationsUnavailable`."""
        return await self.read(self._probe.has(session.id, session.owner))

    async def session(
        self, session_id: str, *args: Any, patient: bool = False, **kwargs: Any
    ) -> Any:
        """A session as Agno's `get_session` returns it; None only if there is none.

        A `patient` call, of a run that has been admitted, waits behind any number of others. Raises
        `ConversationsUnavailable`.
        """

        found = self._probe.session(session_id, *args, **kwargs)
        return await self.read(found, patient=patient)

    async def run(self, run_id: str) -> Any:
        """A run that Agno has stored, or None; raises `ConversationsUnavailable`."""

        async def found() -> Any:
            try:
                return await self.db.get_run(run_id)
            except NotImplementedError:
                return None

        return await self.read(found())

    async def read(self, work: Coroutine[Any, Any, T], *, patient: bool = False) -> T:
        """The result of a read, bounded in time; raises `ConversationsUnavailable`, and
        `InvalidField` for what the database cannot look for."""
        try:
            self._still_readable()
            if not patient:
                self._line.check()
            async with self._line:
                self._still_readable()
                self._tried = time.monotonic()
                result = await within(READ_TIMEOUT, work)
        except (LineTooLong, ConversationsUnavailable) as error:
            work.close()
            raise unavailable() from error
        except Exception as error:
            if is_refusal(error):  # the store works; others must not suffer for what one asked
                raise InvalidField("The store of conversations cannot look for that.") from error
            self._fail_read(error)
            raise unavailable() from error
        self._answered = time.monotonic()
        if self.unreadable is not None:
            logger.warning("conversations: can be read again")
            self.unreadable = None
        return result

    def _fail_read(self, error: Exception) -> None:
        self.failures += 1
        if self.unreadable is None:
            logger.error("conversations: cannot be read: %s", brief(error))
        self.unreadable = brief(error)
        self._tried = time.monotonic()

    def _still_readable(self) -> None:
        """Raise `ConversationsUnavailable` if a read has failed a moment ago."""
        if self.unreadable is not None and time.monotonic() - self._tried < BELIEVED:
            raise unavailable()

    async def prepare(self) -> None:
        """Create missing tables, once; raises `ConversationsUnavailable`."""
        if self._prepared:
            return
        try:
            await within(PREPARE_TIMEOUT, self._writer.prepare())
        except Exception as error:
            self.fail_write(error)
            raise unavailable() from error
        self._prepared = True

    async def write(self, rows: TurnRows, *, late: bool = False) -> None:
        """Write a turn; raises `ConversationsUnavailable` if it fails, or does not get on.

        A write that was given up may still be done later, but before any newer one of its session.
        """
        await self.prepare()
        still = LONGEST_LATE_WRITE if late else WRITE_TIMEOUT
        longest = LONGEST_LATE_WRITE if late else LONGEST_WRITE
        writing = self._writer.write(rows)
        writing.add_done_callback(retrieve)
        began = time.monotonic()
        try:
            while not (await asyncio.wait({writing}, timeout=0.1))[0]:
                now = time.monotonic()
                progress = max(began, self._writer.progressed)
                if now - progress > still or now - began > longest:
                    raise TimeoutError(f"no answer within {now - began:.1f} s")
            writing.result()
        except Exception as error:
            self.fail_write(error)
            raise unavailable() from error
        self.written()

    def fail_write(self, error: Exception) -> None:
        """Note that the store cannot be written: turns are kept until one can be stored again."""
        self.failures += 1
        if self.unwritable is None:
            logger.error("conversations: a turn cannot be stored: %s", brief(error))
        self.unwritable = brief(error)

    async def rename(self, session: Session, found: AnySession, name: str) -> None:
        """Rename a session; raises `ConversationsUnavailable`."""
        kind = SessionType(type_of(found))
        await self.change(
            self.db.rename_session(session.id, kind, name, user_id=session.owner, deserialize=False)
        )

    async def pin(self, found: AnySession, at: int | None) -> None:
        """Pin a session since a Unix time, or no longer; raises `ConversationsUnavailable`."""
        await self.change(set_pin(self.db, found, at))

    async def delete(self, session: Session) -> None:
        """Delete a session with its runs; raises `ConversationsUnavailable`."""
        await self.change(self.db.delete_session(session_id=session.id, user_id=session.owner))
        if await self.holds(session):  # some stores of Agno only log what failed
            raise unavailable()
        await self._writer.checkpoint()

    async def change(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do a change that a user awaits; raises `ConversationsUnavailable`."""
        try:
            await within(LONGEST_WRITE, work)
        except Exception as error:
            self.failures += 1
            logger.error("conversations: a change failed: %s", brief(error))
            raise unavailable() from error

    def written(self) -> None:
        """Note that the store can be written."""
        if self.unwritable is not None:
            logger.warning("conversations: turns are stored again")
            self.unwritable = None

    async def _replaced(self) -> None:
        """The file of the database is another one: its old connections read what is gone."""
        engine = inner_of(self.db).db_engine  # type: ignore[union-attr]  # SQLite has one
        if isinstance(engine, AsyncEngine):
            await engine.dispose()
        else:
            await asyncio.to_thread(engine.dispose)


def unavailable() -> ConversationsUnavailable:
    """The error of a question whose conversation cannot be looked at."""
    return ConversationsUnavailable(
        "The store of conversations cannot be reached. Try again in a moment.", retry_after=2
    )
