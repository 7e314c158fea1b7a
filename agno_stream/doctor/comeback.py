"""The checks of resuming, ending and cancelling streams."""

import time

import httpx2

from agno_stream.doctor.errors import CheckFailed
from agno_stream.doctor.findings import Finding
from agno_stream.doctor.timeline import Timeline
from agno_stream.doctor.wire import Wire, events_path, wait_until
from agno_stream.requests import CHAT, SSE

SHORT_PROMPT = "Count from 1 to 60, with a comma after each number, and say nothing else."
LONG_PROMPT = "Count from 1 to 1000, with a comma after each number, and say nothing else."
EVENTS_BEFORE_CUT = 10
CANCEL_SECONDS = 3.0  # that a cancellation may take


class Comeback:
    """The checks of resuming and ending, which share one answer: it is cut in the middle and
    resumed."""

    def __init__(self) -> None:
        self._last = ""  # the id of its last event, if it could be resumed

    async def resume(self, wire: Wire) -> Finding:
        """Check that a stream that was cut continues after its last event, without loss."""
        run_id = await wire.start_run(SHORT_PROMPT)
        path = events_path(run_id)
        async with wire.reading(path) as before:
            if not await wait_until(
                lambda: len(before.events) >= EVENTS_BEFORE_CUT or before.done, 15
            ):
                message = f"Only {len(before.events)} events of an answer arrived in 15 s."
                return Finding("resume", "skipped", message)
        seen = before.events[min(EVENTS_BEFORE_CUT, len(before.events)) - 1][1]
        if before.done and seen == before.number:
            return Finding("resume", "skipped", "The answer was too short to be cut.")
        at = f"{run_id}:{before.number}"
        if before.done:  # all events arrived at once; an earlier one serves as well
            at = f"{run_id}:{seen}"
        after = Timeline()
        await wire.read(after, path, headers={"Last-Event-ID": at})
        number = int(at.rpartition(":")[2])
        numbers = [event for _, event in after.events]
        if numbers[:1] == [1]:
            message = "A resumed stream began again: its Last-Event-ID did not reach the server."
            return Finding("resume", "failed", message, wire.proxy.mend("last_event_id"))
        expected = list(range(number + 1, number + 1 + len(numbers)))
        if not after.done or numbers != expected:
            message = f"A stream resumed after event {number} has gaps: {numbers[:3]}…"
            return Finding("resume", "failed", message, "See the server's log.")
        run = await wire.run(run_id)
        if run.error:
            return Finding("resume", "failed", f"The answer failed: {run.error}")
        if not before.done and before.text + after.text != run.text:
            message = "The text before and after the cut is not the text of the answer."
            return Finding("resume", "failed", message, "This is a fault of the server: report it.")
        self._last = f"{run_id}:{after.number}"
        message = f"A cut stream continued after event {number}, without loss."
        return Finding("resume", "ok", message, facts={"after": number, "events": len(numbers)})

    async def ending(self, wire: Wire) -> Finding:
        """Check that a browser that reconnects after the end of a stream gets 204, which stops
        it."""
        if not self._last:
            return Finding("ending", "skipped", "The check needs a stream that can be resumed.")
        headers = {"Last-Event-ID": self._last, "Accept": SSE}
        reply = await wire.send("GET", CHAT, headers=headers, params={"message": SHORT_PROMPT})
        if reply.status != 204:
            message = f"A reader that reconnects after the end gets {reply.status}, not 204."
            mend = "Let the proxy pass 204 and Last-Event-ID, or browsers will reconnect forever."
            return Finding("ending", "failed", message, mend)
        return Finding(
            "ending", "ok", "A browser that reconnects after the end of a stream is stopped (204)."
        )


async def cancel(wire: Wire) -> Finding:
    """Check that a run stops when it is cancelled, and that its stream ends."""
    run_id = await wire.start_run(LONG_PROMPT, patience=30)
    async with wire.reading(events_path(run_id)) as timeline:
        await wait_until(lambda: len(timeline.events) > 3, 5)
        began = time.monotonic()
        try:
            reply = await wire.send("POST", f"{events_path(run_id).removesuffix('/events')}/cancel")
        except httpx2.TimeoutException as error:
            raise CheckFailed("The request to cancel a run was not answered") from error
        took = time.monotonic() - began
        if reply.status != 200 or not isinstance(reply.json(), dict):
            message = f"A run cannot be cancelled: POST …/cancel is answered {reply.status}."
            status = {"status": reply.status}
            return Finding("cancel", "failed", message, wire.proxy.mend("cancel"), status)
        reason = reply.json().get("finish_reason")
        ended = await wait_until(lambda: timeline.done, CANCEL_SECONDS)
    facts = {"seconds": round(took, 3), "finish_reason": reason}
    if took > CANCEL_SECONDS:
        message = f"It took {took:.1f} s to cancel a run."
        return Finding("cancel", "warning", message, "Check the load of the server.", facts)
    if not ended:
        message = "A run was cancelled, but its stream did not end."
        return Finding("cancel", "failed", message, wire.proxy.mend("buffering"), facts)
    message = f"A run is cancelled in {took * 1e3:.0f} ms, and its stream ends ({reason})."
    return Finding("cancel", "ok", message, facts=facts)
