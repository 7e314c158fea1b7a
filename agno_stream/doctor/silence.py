"""The checks of a stream on which nothing is said: is it cut, and do heartbeats come."""

import asyncio
from itertools import pairwise
from uuid import uuid4

from agno_stream.doctor.findings import Finding
from agno_stream.doctor.wire import Run, Timeline, Trouble, Wire, events, until

LONG = "long 50000"  # to the demo model: a quarter of an hour
COUNT = "Count from 1 to 1000, with a comma after each number, and say nothing else."
FIRST = 3.0  # seconds within which the first event of a run must have come
ROOM = 20.0  # seconds that the long answer may outlive the watch


class Silence:
    """A stream that waits: its question is asked in a conversation that is being answered.

    So it is silent whatever the model, until the answer before it ends.
    """

    def __init__(self) -> None:
        self._line = Timeline()
        self._watched = 0.0
        self._run: Run | None = None

    async def watch(self, wire: Wire) -> None:
        """Begin it, and look at it for as long as the plan says, or until it ends."""
        seconds = wire.plan.silence
        place = {"conversation_id": f"doctor-{uuid4().hex}"}
        asked = LONG if wire.model == "demo" else COUNT
        first = await wire.begin(asked, patience=seconds + ROOM, **place)
        waiting = await wire.begin("Count to 3", patience=seconds + 2 * ROOM, **place)
        try:
            async with wire.reading(events(waiting)) as line:
                self._line = line
                await until(lambda: line.ended is not None or len(line.events) > 1, seconds)
                self._watched = asyncio.get_running_loop().time() - line.asked
                self._run = await wire.run(waiting)
        finally:
            await wire.give_up(waiting, first)

    async def idle(self, wire: Wire) -> Finding:
        """A silent stream is not cut."""
        line, run = self._line, self._run
        if run is None:
            raise Trouble("The silent stream was not watched to its end")
        spoke = line.events[1][0] if len(line.events) > 1 else None
        last = max([line.opened or line.asked, *(at for at, _ in line.reads)])
        if line.ended is not None and line.ended - line.asked < self._watched and spoke is None:
            quiet = line.ended - last
            said = f"A stream was cut after {quiet:.0f} s in which nothing came."
            facts = {"cut_after": round(quiet, 1), "broke": line.broke}
            return Finding("idle", "failed", said, wire.proxy.mend("idle"), facts)
        if not line.events:
            said = "Nothing of a silent stream came, not even its beginning: it is held back."
            return Finding("idle", "failed", said, wire.proxy.mend("buffering"))
        if line.events[0][0] - line.asked > FIRST:
            said = f"The beginning came after {line.events[0][0] - line.asked:.1f} s only."
            return Finding("idle", "warning", said, wire.proxy.mend("buffering"))
        quiet = (spoke or line.asked + self._watched) - line.asked
        facts = {"survived": round(quiet, 1)}
        if spoke is not None:
            said = f"A stream was silent for {quiet:.0f} s, until the model's answer was over."
            return Finding("idle", "ok", said + " Longer silences: not seen.", facts=facts)
        said = f"A silent stream lives for {quiet:.0f} s and more."
        return Finding("idle", "ok", said, facts=facts)

    async def heartbeats(self, wire: Wire) -> Finding:
        """Signs of life come in the silence."""
        line = self._line
        beats = [round(at - line.asked, 1) for at in line.beats]
        facts = {"at": beats}
        if beats:
            gaps = [b - a for a, b in pairwise(beats)]
            often = f", then every {max(gaps):.0f} s" if gaps else ""
            said = f"The first heartbeat came after {beats[0]:.0f} s{often}."
            return Finding("heartbeats", "ok", said, facts=facts)
        if len(line.events) > 1 or self._watched < FIRST:
            return Finding("heartbeats", "skipped", "The silence was too short for one.")
        said = f"No heartbeat came in {self._watched:.0f} s of silence."
        return Finding("heartbeats", "failed", said, wire.proxy.mend("buffering"), facts)
