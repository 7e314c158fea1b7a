"""The client without the server: it imports none of the server's packages, and has a wheel."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from app import __version__ as server_version
from tests.command import ROOT, environment
from tests.server import Server
from tests.trust import fetching

FOREIGN = [
    *("agno", "aiohttp", "app", "fastapi", "msgspec", "ollama", "openai", "pydantic"),
    *("pydantic_settings", "sqlalchemy", "sse_starlette", "starlette", "streamlit", "uvicorn"),
    *("prompt_toolkit", "rich", "shtab"),  # optional, for the terminal
]

BLOCKED = f"""
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FOREIGN} or name == "agno_stream.server":
            raise ModuleNotFoundError(f"no {{name}} here", name=name)

sys.meta_path.insert(0, Block())
"""

PROGRAM = """
import agno_stream, asyncio, sys

with agno_stream.Client() as client:
    print(client.generate("count to 3").text)
    for chunk in client.generate_stream("count to 3"):
        print(chunk.text, end="", flush=True)

async def main():
    async with agno_stream.AsyncClient() as client:
        print("", [chunk.text async for chunk in client.generate_stream("count to 2")])

asyncio.run(main())
from agno_stream.cli import main
sys.exit(main(["chat", "count to 3"]) or main(["serve"]))
"""

OUTPUT = "1, 2, 3\n1, 2, 3 ['', '1, ', '2', '']\n1, 2, 3\n"


def test_client_without_the_server_packages(tmp_path: Path) -> None:
    """The client streams while all packages of the server and the terminal are blocked; only
    `serve` fails, with a sentence."""
    with Server(tmp_path) as server:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", BLOCKED + PROGRAM],
            cwd=tmp_path,
            env=environment(AGNO_STREAM_URL=server.url),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert (OUTPUT, 2) == (ended.stdout, ended.returncode)
    assert "this is the client alone" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_client_wheel_installs_and_streams(tmp_path: Path) -> None:
    """The wheel has the client and its types; installed in a new environment, it streams."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheels = tmp_path / "wheels"
    subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", wheels, ROOT / "packaging" / "client"],
        env=fetching(),
        check=True,
    )
    (wheel,) = wheels.glob("agno_stream_client-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"agno_stream/py.typed", "agno_stream/client.py"} < set(names)
    assert {"agno_stream"} == {
        top for name in names if not (top := name.partition("/")[0]).endswith(".dist-info")
    }
    home = tmp_path / "venv"
    venv.create(home)
    python = home / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", wheel], env=fetching(), check=True)
    bare = {name: v for name, v in environment().items() if name != "PYTHONPATH"}
    with Server(tmp_path / "data") as server:
        ended = subprocess.run(
            [python, "-c", PROGRAM],
            cwd=tmp_path,
            env={**bare, "AGNO_STREAM_URL": server.url},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert (OUTPUT, 2) == (ended.stdout, ended.returncode), ended.stderr


def test_client_and_server_have_one_version() -> None:
    """Client and server have the same version."""
    from agno_stream import __version__

    assert server_version == __version__
