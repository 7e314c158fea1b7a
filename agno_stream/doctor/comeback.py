"""The checks of what makes streams safe to lose: resuming, ending, and stopping them."""

import time

import httpx2

from agno_stream.doctor.findings import Finding
from agno_stream.doctor.wire import Timeline, Trouble, Wire, events, until
from agno_stream.requests import CHAT, SSE

SHORT = "Count from 1 to 60, with a comma after each number, and say nothing else."
COUNT = "Count from 1 to 1000, with a comma after each number, and say nothing else."
SEEN = 10  # events before the cut
QUICK = 3.0  # seconds that a cancellation may take


class Comeback:
    """One answer that is lost in the middle and resumed; its last event, where all went well."""

    def __init__(self) -> None:
        self._last = ""

    async def resume(self, wire: Wire) -> Finding:
        """A stream that was cut goes on after the last event that was seen."""
        run_id = await wire.begin(SHORT)
        path = events(run_id)
        async with wire.reading(path) as before:
            if not await until(lambda: len(before.events) >= SEEN or before.done, 15):
                said = f"Of an answer only {len(before.events)} events came in 15 s."
                return Finding("resume", "skipped", said)
        seen = before.events[min(SEEN, len(before.events)) - 1][1]
        if before.done and seen == before.number:
            return Finding("resume", "skipped", "The answer was too short to be cut.")
        at = f"{run_id}:{before.number}"
        if before.done:  # all of it came at once; an earlier place in it will do
            at = f"{run_id}:{seen}"
        after = Timeline()
        await wire.read(after, path, headers={"Last-Event-ID": at})
        place = int(at.rpartition(":")[2])
        numbers = [number for _, number in after.events]
        if numbers[:1] == [1]:
            said = "A resumed stream began anew: its Last-Event-ID did not reach the server."
            return Finding("resume", "failed", said, wire.proxy.mend("last_event_id"))
        whole = list(range(place + 1, place + 1 + len(numbers)))
        if not after.done or numbers != whole:
            said = f"A stream resumed after event {place} was not whole: {numbers[:3]}…"
            return Finding("resume", "failed", said, "See the server's log.")
        run = await wire.run(run_id)
        if run.error:
            return Finding("resume", "failed", f"The answer failed: {run.error}")
        if not before.done and before.text + after.text != run.text:
            said = "What came before the cut and after it is not the answer."
            return Finding("resume", "failed", said, "This is a fault of the server: report it.")
        self._last = f"{run_id}:{after.number}"
        said = f"A cut stream went on after event {place}, and nothing of it was lost."
        return Finding("resume", "ok", said, facts={"after": place, "events": len(numbers)})

    async def ending(self, wire: Wire) -> Finding:
        """A browser that comes back after the end is told to stop."""
        if not self._last:
            return Finding("ending", "skipped", "It needs a stream that can be resumed.")
        headers = {"Last-Event-ID": self._last, "Accept": SSE}
        reply = await wire.ask("GET", CHAT, headers=headers, params={"message": SHORT})
        if reply.status != 204:
            said = f"After the end of a stream its reader is answered {reply.status}, not 204."
            mend = "Let the proxy pass 204 and Last-Event-ID: else browsers come back for ever."
            return Finding("ending", "failed", said, mend)
        return Finding("ending", "ok", "After the end of a stream a browser is told to stop (204).")


async def cancel(wire: Wire) -> Finding:
    """An answer stops when it is told to."""
    run_id = await wire.begin(COUNT, patience=30)
    async with wire.reading(events(run_id)) as line:
        await until(lambda: len(line.events) > 3, 5)
        began = time.monotonic()
        try:
            reply = await wire.ask("POST", f"{events(run_id).removesuffix('/events')}/cancel")
        except httpx2.TimeoutException as error:
            raise Trouble("A request to cancel is not answered") from error
        took = time.monotonic() - began
        if reply.status != 200 or not isinstance(reply.json(), dict):
            said = f"A run cannot be cancelled: POST …/cancel is answered {reply.status}."
            told = {"status": reply.status}
            return Finding("cancel", "failed", said, wire.proxy.mend("cancel"), told)
        reason = reply.json().get("finish_reason")
        ended = await until(lambda: line.done, QUICK)
    facts = {"seconds": round(took, 3), "finish_reason": reason}
    if took > QUICK:
        said = f"It took {took:.1f} s to cancel a run."
        return Finding("cancel", "warning", said, "See how busy the server is.", facts)
    if not ended:
        said = "A run was cancelled, but its stream did not tell."
        return Finding("cancel", "failed", said, wire.proxy.mend("buffering"), facts)
    said = f"A run is cancelled in {took * 1e3:.0f} ms, and its stream tells ({reason})."
    return Finding("cancel", "ok", said, facts=facts)
