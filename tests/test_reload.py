"""`--reload` starts the server again when a file of the application changes."""

import asyncio
import sys
from pathlib import Path

import httpx

from tests.command import environment
from tests.services import free_port

SOURCE = 'from agno.agent import Agent\n\nagent = Agent(id="{}")\n'


async def agent_at(url: str, expected: str, seconds: float = 60) -> str:
    """The id of the agent that the server has, once it is the expected one."""
    found = "?"
    async with asyncio.timeout(seconds), httpx.AsyncClient() as client:
        while found != expected:
            try:
                response = await client.get(f"{url}/api/v1/agents")
                found = response.json()["agents"][0]["id"]
            except httpx.TransportError:
                found = ""
            await asyncio.sleep(0.2)
    return found


async def test_changed_file_is_not_served(tmp_path: Path) -> None:
    """A change of the module that AGENTS names is served without a restart by hand."""
    module = tmp_path / "mine.py"
    module.write_text(SOURCE.format("before"))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", "--reload", "--agents", "mine:agent"),
        *("--model", "demo", "--port", str(port)),
        cwd=tmp_path,
        env=environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        assert "before" == await agent_at(url, "before")
        module.write_text("agent = 7\n")  # a mistake, which the next change mends
        assert "" == await agent_at(url, "")
        module.write_text(SOURCE.format("after"))
        assert "after" == await agent_at(url, "after")
    finally:
        process.terminate()
        await process.wait()
