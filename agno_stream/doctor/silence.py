"""The checks of a silent stream: whether it is cut, and whether heartbeats arrive.

See docs/decisions/047-silence-is-made-by-a-busy-conversation.md.
"""

import asyncio
from itertools import pairwise
from uuid import uuid4

from agno_stream.doctor.errors import CheckFailed
from agno_stream.doctor.findings import Finding
from agno_stream.doctor.timeline import Timeline
from agno_stream.doctor.wire import Run, Wire, events_path, wait_until

DEMO_PROMPT = "long 50000"  # for the demo model: its answer takes a quarter of an hour
LONG_PROMPT = "Count from 1 to 1000, with a comma after each number, and say nothing else."
FIRST_EVENT_SECONDS = 3.0  # within which the first event of a run must arrive
RUN_MARGIN = 20.0  # seconds from the end of the watch to the timeout of the long run


class Silence:
    """The checks of a silent stream: that of a run which waits for another run of its conversation.

    The stream has no events until the other run ends, whatever the model does.
    """

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._watched = 0.0
        self._run: Run | None = None

    async def watch(self, wire: Wire) -> None:
        """Start both runs, and watch the silent stream until it ends or the plan's time is over."""
        seconds = wire.plan.silence
        conversation = {"conversation_id": f"doctor-{uuid4().hex}"}
        prompt = DEMO_PROMPT if wire.model == "demo" else LONG_PROMPT
        first = await wire.start_run(prompt, patience=seconds + RUN_MARGIN, **conversation)
        waiting = await wire.start_run(
            "Count to 3", patience=seconds + 2 * RUN_MARGIN, **conversation
        )
        try:
            async with wire.reading(events_path(waiting)) as timeline:
                self._timeline = timeline
                await wait_until(
                    lambda: timeline.ended is not None or len(timeline.events) > 1, seconds
                )
                self._watched = asyncio.get_running_loop().time() - timeline.requested
                self._run = await wire.run(waiting)
        finally:
            await wire.cancel_all(waiting, first)

    async def idle(self, wire: Wire) -> Finding:
        """Check that no proxy cuts a silent stream."""
        timeline, run = self._timeline, self._run
        if run is None:
            raise CheckFailed("The silent stream was not watched to its end")
        answered = timeline.events[1][0] if len(timeline.events) > 1 else None
        last = max([timeline.opened or timeline.requested, *(at for at, _ in timeline.reads)])
        if (
            timeline.ended is not None
            and timeline.ended - timeline.requested < self._watched
            and answered is None
        ):
            quiet = timeline.ended - last
            message = f"A stream was cut after {quiet:.0f} s without a byte."
            facts = {"cut_after": round(quiet, 1), "broke": timeline.broke}
            return Finding("idle", "failed", message, wire.proxy.mend("idle"), facts)
        if not timeline.events:
            message = "Not even the first event of a silent stream arrived: it is held back."
            return Finding("idle", "failed", message, wire.proxy.mend("buffering"))
        if timeline.events[0][0] - timeline.requested > FIRST_EVENT_SECONDS:
            message = (
                f"The first event arrived after {timeline.events[0][0] - timeline.requested:.1f} s."
            )
            return Finding("idle", "warning", message, wire.proxy.mend("buffering"))
        quiet = (answered or timeline.requested + self._watched) - timeline.requested
        facts = {"survived": round(quiet, 1)}
        if answered is not None:
            message = f"A stream was silent for {quiet:.0f} s, until the model's answer ended."
            return Finding("idle", "ok", message + " Longer silences were not tested.", facts=facts)
        message = f"A silent stream stays open for {quiet:.0f} s and more."
        return Finding("idle", "ok", message, facts=facts)

    async def heartbeats(self, wire: Wire) -> Finding:
        """Check that heartbeats arrive while a stream is silent."""
        timeline = self._timeline
        beats = [round(at - timeline.requested, 1) for at in timeline.heartbeats]
        facts = {"at": beats}
        if beats:
            gaps = [b - a for a, b in pairwise(beats)]
            often = f", then every {max(gaps):.0f} s" if gaps else ""
            message = f"The first heartbeat arrived after {beats[0]:.0f} s{often}."
            return Finding("heartbeats", "ok", message, facts=facts)
        if len(timeline.events) > 1 or self._watched < FIRST_EVENT_SECONDS:
            return Finding("heartbeats", "skipped", "The silence was too short for a heartbeat.")
        message = f"No heartbeat arrived in {self._watched:.0f} s of silence."
        return Finding("heartbeats", "failed", message, wire.proxy.mend("buffering"), facts)
