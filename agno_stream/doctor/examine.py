"""The order of the checks, and the findings of checks that raise."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx2

from agno_stream.doctor import basics, comeback
from agno_stream.doctor.errors import CheckFailed, UnexpectedStatus
from agno_stream.doctor.findings import Finding, Plan
from agno_stream.doctor.silence import Silence
from agno_stream.doctor.streams import Paced
from agno_stream.doctor.wire import Wire
from agno_stream.version import __version__

#: Seconds at most for deleting what the checks have left in the server's conversations.
TIDYING = 10.0

Check = Callable[[Wire], Awaitable[Finding]]
Report = Callable[[Finding], None]
Progress = Callable[[str], None]


async def examine(plan: Plan, report: Report, progress: Progress) -> list[Finding]:
    """Run all checks and return their findings.

    `progress` is called with the name of each check before it runs, `report` with each finding.
    """
    findings: list[Finding] = []
    limits = httpx2.Limits(max_connections=None)
    agent = {"User-Agent": f"agno-stream-doctor/{__version__}", **plan.headers}
    async with httpx2.AsyncClient(
        headers=agent, limits=limits, timeout=plan.patience, follow_redirects=False
    ) as http:
        wire = Wire(http, plan)

        async def run_check(name: str, check: Check) -> bool:
            progress(name)
            finding = await _run(name, check, wire)
            findings.append(finding)
            report(finding)
            return finding.level != "failed"

        try:
            async with asyncio.timeout(plan.timeout):
                await _run_all(wire, run_check)
        except TimeoutError:
            message = f"Not all checks were done within {plan.timeout:g} s."
            findings.append(Finding("time", "failed", message, "Raise --timeout."))
            report(findings[-1])
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(TIDYING):
                    await wire.tidy()
    return findings


async def _run_all(wire: Wire, run_check: Callable[[str, Check], Awaitable[bool]]) -> None:
    if not await run_check("reachable", basics.reachable):
        return
    await run_check("server", basics.server)
    await run_check("health", basics.health)
    for name, check in (("clock", basics.clock), ("http", basics.http_version)):
        await run_check(name, check)
    if not await run_check("auth", basics.auth) or not await run_check("model", basics.models):
        return
    silence, paced, back = Silence(), Paced(), comeback.Comeback()
    watching = asyncio.create_task(silence.watch(wire))
    try:
        await run_check("doors", basics.doors)
        if await run_check("tokens", paced.tokens) or paced.timeline.done:
            await run_check("framing", paced.framing)
            await run_check("compression", paced.compression)
            await run_check("connections", paced.connections)
        await run_check("resume", back.resume)
        await run_check("ending", back.ending)
        await run_check("cancel", comeback.cancel)

        async def idle(wire: Wire) -> Finding:
            await watching
            return await silence.idle(wire)

        await run_check("idle", idle)
        await run_check("heartbeats", silence.heartbeats)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        if not watching.cancelled():
            watching.exception()  # `idle` reports it, if that check was reached


async def _run(name: str, check: Check, wire: Wire) -> Finding:
    """Run a check and return its finding: a failure if the check raises."""
    try:
        return await check(wire)
    except UnexpectedStatus as error:
        # A rate limit of the server is no fault of the connection.
        mend = "Use a key with a higher RATE_LIMIT, or wait." if error.status == 429 else ""
        return Finding(name, "warning" if mend else "failed", f"{error}.", mend)
    except CheckFailed as error:
        return Finding(name, "failed", f"{error}.")
    except httpx2.TimeoutException:
        message = f"No response came within {wire.plan.patience:g} s."
        return Finding(name, "failed", message, wire.proxy.mend("upstream"))
    except httpx2.HTTPError as error:
        message = f"The connection broke: {str(error) or type(error).__name__}."
        return Finding(name, "failed", message, wire.proxy.mend("upstream"))
