"""SIGKILL with ON_CRASH=continue, as pages with the AI SDK see it, in both of its versions."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.javascript import JS, install
from tests.survival.jobs import StallingJob
from tests.survival.ledger import counts
from tests.survival.parts import until
from tests.survival.teams import hosts
from tests.survival.test_recovery import LEDGER, settings

STEPS = 2
WHOLE = [*(f"Step {n} comes now. " for n in range(STEPS))]
LAST = f"All {STEPS} steps are done, and that is the end."


@asynccontextmanager
async def watching(node: str, *given: str) -> AsyncIterator[asyncio.StreamReader]:
    """The lines that a page prints."""
    script = await asyncio.create_subprocess_exec(
        *(node, "recovered.mjs", *given), cwd=JS, stdout=asyncio.subprocess.PIPE
    )
    assert script.stdout is not None
    try:
        yield script.stdout
    finally:
        if script.returncode is None:
            script.kill()
        await script.wait()


async def shown(lines: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(30):
        found: dict[str, Any] = json.loads(await lines.readline())
    return found


async def test_pages_of_both_versions_end_up_with_the_answer(tmp_path: Path) -> None:
    """A page of version 7 drops what is void, and reads on; one of version 6 is told that the
    stream has ended, and has the whole answer when it comes back. Tools run once."""
    node, provider = install(), StallingJob(steps=STEPS, at=1, rate=6)
    with provider:
        async with hosts(tmp_path, provider, 2, **settings(tmp_path, {})) as team:
            here, there = await team.at(0), await team.at(1)
            parts = [{"type": "text", "text": "Work."}]
            message = {"id": "u", "role": "user", "parts": parts}
            body = {"id": "chat", "messages": [message], "on_disconnect": "continue"}
            api = f"{there.base_url}/ai/chat"

            async def ask() -> None:
                try:
                    await here.post("/ai/chat", json=body)
                except httpx.HTTPError:
                    return
                raise AssertionError("the server should have died")

            asking = asyncio.create_task(ask())
            await until(lambda: counts(tmp_path / LEDGER)["note 0"])
            async with (
                watching(node, f"{api}?sdk=7", "ai", "chat") as seven,
                watching(node, api, "ai6", "chat") as six,
            ):
                before = await asyncio.gather(shown(seven), shown(six))
                team.kill(0)
                await asking
                new, (old, again) = (
                    await shown(seven),
                    [await shown(six), await shown(six)],
                )
        found = counts(tmp_path / LEDGER)
    assert [f"{WHOLE[0]}|Step 1 "] * 2 == [page["text"] for page in before]
    whole = "|".join([*WHOLE, LAST])
    tools = [f"noted {n}" for n in range(STEPS)]
    for page in (new, again):
        expected = {"text": whole, "tools": tools, "roles": ["assistant"], "status": "ready"}
        assert expected == page
    assert "error" == old["status"]
    assert {f"note {n}": 1 for n in range(STEPS)} == found
