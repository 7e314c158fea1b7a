"""The order of the checks, and what becomes of those that meet something unforeseen."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2

from agno_stream.doctor import basics, comeback
from agno_stream.doctor.findings import Finding, Plan
from agno_stream.doctor.silence import Silence
from agno_stream.doctor.streams import Paced
from agno_stream.doctor.wire import Refused, Trouble, Wire
from agno_stream.version import __version__

Check = Callable[[Wire], Awaitable[Finding]]
Tell = Callable[[Finding], None]
Say = Callable[[str], None]


async def examine(plan: Plan, tell: Tell, say: Say) -> list[Finding]:
    """Run all checks; each finding is told at once, and `say` hears what is looked at now."""
    findings: list[Finding] = []
    limits = httpx2.Limits(max_connections=None)
    agent = {"User-Agent": f"agno-stream-doctor/{__version__}"}
    async with httpx2.AsyncClient(
        headers=agent, limits=limits, timeout=plan.patience, follow_redirects=False
    ) as http:
        wire = Wire(http, plan)

        async def look(name: str, check: Check) -> bool:
            say(name)
            finding = await _found(name, check, wire)
            findings.append(finding)
            tell(finding)
            return finding.level != "failed"

        try:
            async with asyncio.timeout(plan.timeout):
                await _all(wire, look)
        except TimeoutError:
            said = f"Not all was looked at within {plan.timeout:g} s."
            findings.append(Finding("time", "failed", said, "Give it more by --timeout."))
            tell(findings[-1])
    return findings


async def _all(wire: Wire, look: Callable[[str, Check], Awaitable[bool]]) -> None:
    if not await look("reachable", basics.reachable):
        return
    await look("server", basics.server)
    await look("health", basics.health)
    for name, check in (("clock", basics.clock), ("http", basics.http_version)):
        await look(name, check)
    if not await look("auth", basics.auth) or not await look("model", basics.models):
        return
    silence, paced, back = Silence(), Paced(), comeback.Comeback()
    watching = asyncio.create_task(silence.watch(wire))
    try:
        await look("doors", basics.doors)
        if await look("tokens", paced.tokens) or paced.line.done:
            await look("framing", paced.framing)
            await look("compression", paced.compression)
            await look("connections", paced.connections)
        await look("resume", back.resume)
        await look("ending", back.ending)
        await look("cancel", comeback.cancel)

        async def idle(wire: Wire) -> Finding:
            await watching
            return await silence.idle(wire)

        await look("idle", idle)
        await look("heartbeats", silence.heartbeats)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        if not watching.cancelled():
            watching.exception()  # `idle` tells it, if it was reached


async def _found(name: str, check: Check, wire: Wire) -> Finding:
    """The finding of a check; of one that meets an error, that error."""
    try:
        return await check(wire)
    except Refused as refused:
        # The server's own limits are no fault of the way.
        mend = "Give it a key with a higher RATE_LIMIT, or wait." if refused.status == 429 else ""
        return Finding(name, "warning" if mend else "failed", f"{refused}.", mend)
    except Trouble as trouble:
        return Finding(name, "failed", f"{trouble}.")
    except httpx2.TimeoutException:
        said = f"Nothing was answered within {wire.plan.patience:g} s."
        return Finding(name, "failed", said, wire.proxy.mend("upstream"))
    except httpx2.HTTPError as error:
        said = f"The connection broke: {str(error) or type(error).__name__}."
        return Finding(name, "failed", said, wire.proxy.mend("upstream"))
