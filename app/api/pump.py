"""The loop that reads a run from its follower, encodes it and writes it to one reader."""

import asyncio
from collections.abc import Callable, Iterable

from starlette.responses import Response

from ..core.access.turnstile import turnstile
from ..core.errors import AgnoStreamError, Gap
from ..core.log.follower import Follower
from ..core.log.journal import Entry
from ..core.run_failures import failure_from
from ..core.waiting.flag import Flag
from .addresses import prefix
from .connection import Direct
from .encoding import Encoder
from .heartbeat import Heartbeat
from .live import Live
from .pacer import Pacer
from .steady import Steady
from .writer import State, StreamWriter

_OPEN = State.OPEN  # looked up once: a member of an enumeration costs as much as three calls

#: Entries above which encoding them takes so long that it waits for its turn.
MANY = 64


class Pump:
    """Copies the entries of a run from its follower to one client, through the encoder and the
    writer.

    All entries that are new are sent in one write. With a `pacer` each entry is written alone, when
    it is due. `gone` is set when the client disconnects. `refusal` makes the error response if the
    run fails before the first byte.
    """

    __slots__ = (
        *("_direct", "_encoder", "_follower", "_gone", "_heartbeat", "_kind", "_live", "_pacer"),
        *("_refusal", "_steady", "_writer"),
    )

    def __init__(
        self,
        follower: Follower,
        encoder: Encoder,
        writer: StreamWriter,
        heartbeat: Heartbeat,
        gone: Flag,
        *,
        direct: Direct | None = None,
        pacer: Pacer | None,
        steady: Steady | None = None,
        refusal: Callable[[AgnoStreamError], Response],
    ) -> None:
        self._follower = follower
        self._encoder = encoder
        self._writer = writer
        self._heartbeat = heartbeat
        self._gone = gone
        self._pacer = pacer
        self._steady = steady
        self._refusal = refusal
        self._kind = (type(encoder), prefix.get())  # readers of one kind share encoded entries
        self._direct = direct
        self._live = None
        if direct is not None and pacer is None:
            self._live = Live(follower, direct, heartbeat, self._encoded_live)

    async def run(self) -> Response | None:
        """Write the run to its end; return an error response, not sent yet, if the run fails before
        the first byte, else None."""
        follower, encoder, writer = self._follower, self._encoder, self._writer
        if self._live is not None:
            follower.divert(self._live.grown)
        while not follower.done:
            if await self._wait_for_client():
                return None
            number = follower.after
            try:
                entries = await follower.batch()
                if self._live is not None and self._live.error is not None:
                    raise self._live.error
            except Gap as gap:
                number = max(number, follower.after)  # further if `Live` has written
                if writer.state is State.HELD:
                    return self._refusal(gap)
                await writer.write(encoder.encode(number, gap.last_chunk(follower.record.model)))
                self._break_off_without_error_frame()
                return None
            number = follower.after - len(entries)  # it may have gone back to a recovery
            for before, piece in self._pieces(number, entries):
                if (refusal := await self._deliver(before, piece)) is not None:
                    return refusal
            if not follower.done and self._sent_elsewhere:
                await self._send_away()
                return None
            if not entries:
                await self._beat()
        return None

    async def _wait_for_client(self) -> bool:
        """Wait until the client has taken what it was sent, so that nothing is read for it that
        would only wait in memory; return True if it has left."""
        direct = self._direct
        if direct is not None and direct.clogged:
            self._heartbeat.write_began()
            self._follower.stalled = True
            await direct.drained()
            self._follower.stalled = self._gone.is_set()
            self._heartbeat.write_ended()
        return self._gone.is_set()

    def _encoded_live(self, number: int, entries: list[Entry]) -> bytes | None:
        """Return the bytes of entries that `Live` may write; None if `run` has to."""
        if self._writer.state is not _OPEN or len(entries) > MANY:
            return None
        if self._steady is not None and not self._steady.passes(number, entries):
            return None
        if len(entries) == 1 and self._follower.source.memo is None:  # most tokens
            return self._encoder.encode(number + 1, entries[0][1])
        return self._encoded(number, entries)

    def _pieces(self, number: int, entries: list[Entry]) -> Iterable[tuple[int, list[Entry]]]:
        """The entries that the protocol can show, in pieces without gaps."""
        if not entries:
            return ()
        if self._steady is None:
            return ((number, entries),)
        return self._steady.pieces(number, entries)

    async def _deliver(self, number: int, entries: list[Entry]) -> Response | None:
        """Write entries; return an error response instead, as `run` does."""
        error = entries[-1][1].error
        if error is not None and self._writer.state is State.HELD:
            await self._emit(number, entries[:-1])
            if self._writer.state is State.HELD:
                return self._refusal(failure_from(error))
            number, entries = number + len(entries) - 1, entries[-1:]
        await self._emit(number, entries)
        if error is not None:
            self._break_off_without_error_frame()
        return None

    @property
    def _sent_elsewhere(self) -> bool:
        follower = self._follower
        return follower.redirected and bool(self._encoder.reconnect_hint or not follower.live)

    async def _send_away(self) -> None:
        """End the stream of a server that shuts down, so that the reader continues at another
        process."""
        if self._encoder.reconnect_hint is None:
            self._writer.break_off()
        else:
            await self._writer.write(self._encoder.reconnect_hint)

    def _break_off_without_error_frame(self) -> None:
        if not self._encoder.has_error_frame:
            self._writer.break_off()

    async def _emit(self, number: int, entries: list[Entry]) -> None:
        if self._pacer is None and len(entries) > MANY:
            await self._write(await self._encoded_in_turn(number, entries))
        elif self._pacer is None:
            await self._write(self._encoded(number, entries))
        else:
            await self._replay(self._pacer, number, entries)

    async def _write(self, body: bytes) -> None:
        self._follower.stalled = True  # until the client has taken enough of what is before it
        await self._writer.write(body)
        self._follower.stalled = self._gone.is_set()

    async def _replay(self, pacer: Pacer, number: int, entries: list[Entry]) -> None:
        loop = asyncio.get_running_loop()
        for offset, entry in enumerate(entries):
            while (pause := pacer.delay(entry[0], loop.time())) > 0:
                try:
                    async with asyncio.timeout(min(pause, self._heartbeat.silence)):
                        await self._gone.wait()
                    return
                except TimeoutError:
                    await self._beat()
            await self._write(self._encoded(number + offset, [entry]))

    async def _beat(self) -> None:
        if not self._gone.is_set() and self._heartbeat.take():
            await self._writer.write(self._encoder.heartbeat or b"")

    async def _encoded_in_turn(self, number: int, entries: list[Entry]) -> bytes:
        """The same as `_encoded`, for so many entries that they wait for their turn."""
        stile = turnstile()
        await stile.share()
        with stile.spending():
            return self._encoded(number, entries)

    def _encoded(self, number: int, entries: list[Entry]) -> bytes:
        """Return the bytes of the entries that follow entry `number`.

        Readers at the same position share the bytes: the first one encodes them, and stores them in
        the memo of their source.
        """
        encoder = self._encoder
        memo = self._follower.source.memo if encoder.cacheable else None
        if memo is None:
            return encode_entries(encoder, number, entries)
        before, count, body = memo.get(self._kind, (-1, 0, b""))
        if (before, count) != (number, len(entries)):
            body = encode_entries(encoder, number, entries)
            memo[self._kind] = (number, len(entries), body)
        return body


def encode_entries(encoder: Encoder, number: int, entries: list[Entry]) -> bytes:
    """Return the bytes of the entries that follow entry `number`, joined in order."""
    encode = encoder.encode
    return b"".join(encode(n, entry[1]) for n, entry in enumerate(entries, start=number + 1))
