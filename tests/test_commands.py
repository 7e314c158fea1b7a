"""The commands and programs of README and docs run as they stand there.

A block that runs elsewhere is named in `ELSEWHERE`, with the test that runs it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ROOT, Command, environment

#: The address in the documents.
ADDRESS = "http://127.0.0.1:8000"

#: The first lines of blocks that are run by other tests, or not at all, and why.
ELSEWHERE = {
    "git clone <this repository> && cd agno-stream": "`make run` is how the suite is set up",
    "pip install 'agno-stream[redis] @ git+https://…'    # this repository; without [redis] where "
    "one server is enough": "test_packaging installs the wheel",
    "uvx --from 'git+https://…' agno-stream serve --agents agents:assistant": "the same",
    "pip wheel --no-deps -w dist packaging/client": "client/test_slim builds and installs it",
    "pip install 'agno-stream[redis,postgres] @ git+https://…'": "survival/ runs these",
    "pip install 'agno-stream[otel] @ git+https://…'": "core/telemetry runs it",
    "pip install 'agno-stream[mcp] @ git+https://…'": "the development extra has it",
    "API_KEYS=me:a-long-secret SECRET_KEY=another-one OPENAI_API_KEY=sk-… docker compose up "
    "--build": "test_packaging reads compose.yaml; there is no Docker in the tests",
    "agno-stream doctor https://chat.example.org --api-key …": "client/test_doctor",
    ".venv/bin/python -m pip install -e '.[streamlit]'      # `make test` has installed it, too": (
        "streamlit/test_in_browser runs the app"
    ),
    "# agents.py": "served by the command below it, here",
    "# shop.py": "served by the command below it, here",
    "import uvicorn": "web/ has servers of that class",
    "async def principal(request):": "test_mounting has such a function",
    "agno-stream serve --agents agents:assistant": "a server that does not end: `server`, here",
    "DATA_DIR=./shop-data uvicorn shop:app": "the same: `mounted`, here",
    "uvicorn shop:app --root-path /shop": "test_mounting has an application below a path",
    'oauth2 = OAuth2PasswordBearer(tokenUrl="login", auto_error=False)': "test_mounting runs it",
    'curl -F message="What is this?" -F images=@cat.png localhost:8000/api/v1/chat': (
        "test_protocol_document"
    ),
}

#: What stands before a program in a document that continues another one.
BEFORE = """
from agno_stream import Client, Config
from agno_stream.types import ModelResponse
client = Client()
async def show(*_): pass
"""

#: Runs a program in which `await` may stand outside of functions, as documents have it.
PROGRAM = """
import ast, asyncio, inspect, sys
code = compile(sys.argv[1], "document", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
found = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(found):
    asyncio.run(found)
"""

BLOCK = re.compile(r"^```(bash|sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOUND: list[tuple[Path, str, str]] = [
    (page, kind, block)
    for page in PAGES
    if page.name != "protocol.md"  # test_protocol_document reads that
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8"))
]
HERE = [block for block in FOUND if block[2].splitlines()[0] not in ELSEWHERE]


def shown(page: Path, first: str) -> str:
    """The block of a page that begins with a line."""
    return next(str(text) for file, _, text in FOUND if file == page and text.startswith(first))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a person who reads the documents has in it."""
    found = tmp_path_factory.mktemp("reader")
    (found / "agents.py").write_text(shown(ROOT / "README.md", "# agents.py"))
    (found / "shop.py").write_text(shown(ROOT / "docs" / "embedding.md", "# shop.py"))
    (found / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    subprocess.run(["git", "init", "-q", str(found)], check=True)
    return found


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """The server of README's command, with the agent that README shows."""
    arguments = ("-m", "agno_stream", "serve", "--agents", "agents:assistant", "--port", "0")
    with Command(folder, arguments) as command:
        yield command.url


def run(folder: Path, server: str, *command: str) -> str:
    """What a command prints, with the address of the documents replaced; it must not fail."""
    bin_folder = folder / "bin"
    if not bin_folder.exists():
        bin_folder.mkdir()
        program = bin_folder / "agno-stream"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agno_stream "$@"\n')
        program.chmod(0o755)
    variables = environment(AGNO_STREAM_URL=server)
    variables["PATH"] = f"{bin_folder}:{os.environ['PATH']}"
    ended = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert 0 == ended.returncode, (command, ended.stdout, ended.stderr)
    return ended.stdout


def commands(block: str) -> list[str]:
    """The commands of a block, without remarks."""
    joined = block.replace("\\\n", " ")
    return [line.partition("  # ")[0].strip() for line in joined.splitlines() if line.strip()]


#: Words that stand for something in a command, and commands that never end or need something else.
REPLACED = {
    "agno-stream chat": None,  # a conversation at a terminal: client/test_terminal
    "git diff | agno-stream chat --json": "echo 'count to 3' | agno-stream chat --json",
    "agno-stream runs approve ID": None,  # pauses/test_client
    "agno-stream doctor https://example.org": None,  # client/test_doctor
    'eval "$(agno-stream completion bash)"': "agno-stream completion bash",
}


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page, kind, block in HERE if kind != "python"],
    ids=lambda value: value.name if isinstance(value, Path) else value.split()[0],
)
def test_commands_of_a_page(page: Path, block: str, folder: Path, server: str) -> None:
    """Each command ends well, and those with an answer print it."""
    for command in commands(block):
        replaced = REPLACED.get(command, command)
        if replaced is None:
            continue
        printed = run(folder, server, "sh", "-c", replaced.replace(ADDRESS, server))
        if "count to" in replaced:
            assert "3" in printed, replaced


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page, kind, block in HERE if kind == "python"],
    ids=lambda value: value.name if isinstance(value, Path) else str(len(value)),
)
def test_programs_of_a_page(page: Path, block: str, folder: Path, server: str) -> None:
    """Each program runs to its end, after the lines that the page has before it."""
    program = BEFORE + block.replace(ADDRESS, server).replace('"general"', '"assistant"')
    run(folder, server, sys.executable, "-c", PROGRAM, program)


def test_the_agent_of_readme_answers(folder: Path, server: str) -> None:
    """README's agent is served by README's command, and calls its tool without a key."""
    printed = run(folder, server, "agno-stream", "chat", "What is the weather in Oslo?")
    assert "Sunny in Oslo." in printed


def test_the_application_of_the_docs_is_served(folder: Path) -> None:
    """The application with a mount starts by the command below it, and answers below its path."""
    arguments = ("-m", "uvicorn", "shop:app", "--port", "0")
    with Command(folder, arguments) as command:
        printed = run(
            folder, f"{command.url}/assistant", "agno-stream", "chat", "echo Good morning"
        )
    assert "Good morning" in printed


def test_blocks_that_run_elsewhere_exist() -> None:
    """The list of exceptions names blocks that there are, so that it cannot grow old."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [] == [line for line in ELSEWHERE if f"\n{line}" not in text]
    assert [] == [line for line in REPLACED if f"\n{line}" not in text]
