"""The applications in `examples/`: each does what its head says, without a key and a network."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import ROOT, Command, environment

FOLDER = ROOT / "examples"
SERVED = ("one_agent:assistant", "team:desk", "approval:clerk", "knowledge:librarian")


def head(file: Path) -> str:
    """The comment at the top of an example."""
    return file.read_text(encoding="utf-8").split('"""')[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The command that the examples name, with all of them at once, run in their folder."""
    folder = tmp_path_factory.mktemp("examples")
    arguments = ("-m", "agno_stream", "serve", "--port", "0", "--agents", ",".join(SERVED))
    path = f"{ROOT}:{FOLDER}"
    with Command(folder, arguments, PYTHONPATH=path, MODEL="") as command:
        yield command.url


def ask(url: str, agent: str) -> dict[str, Any]:
    """The answer of an agent to the question in the head of its example."""
    (file,) = [name.partition(":")[0] for name in SERVED if name.endswith(f":{agent}")]
    found = re.search(r"^Ask on \S+ (.+)$", head(FOLDER / f"{file}.py"), re.MULTILINE)
    assert found is not None
    agents = httpx.get(f"{url}/api/v1/agents").json()["agents"]
    chosen = agents[[name.partition(":")[2] for name in SERVED].index(agent)]["id"]
    body = {"message": found[1], "agent": chosen, "stream": False}
    answer: dict[str, Any] = httpx.post(f"{url}/api/v1/chat", json=body, timeout=30).json()
    return answer


def test_one_agent(server: str) -> None:
    """The agent's tool is called with the city of the question."""
    answer = ask(server, "assistant")
    assert "Sunny in Oslo for 1 day, 21 degrees." in answer["content"]


def test_team(server: str) -> None:
    """The leader gives the question to the office, whose tool finds the price."""
    answer = ask(server, "desk")
    assert "A ticket to Rome is 48 euros." in answer["content"]


def test_approval(server: str) -> None:
    """The refund waits for a person, and is done after the approval."""
    answer = ask(server, "clerk")
    assert "paused" == answer["finish_reason"]
    (requirement,) = answer["requirements"]
    assert {"order_id": "4711"} == requirement["tool"]["arguments"]
    body = {"decisions": [{"id": requirement["id"], "confirmed": True}], "stream": False}
    path = f"{server}/api/v1/runs/{answer['run_id']}/continue"
    assert "of order 4711 have been paid back" in httpx.post(path, json=body).json()["content"]


def test_knowledge(server: str) -> None:
    """The answer has what the handbook says, and names its source."""
    answer = ask(server, "librarian")
    assert "30 days of holiday a year" in answer["content"]
    assert "holidays.md" in str(answer["citations"])


def test_mounted(tmp_path: Path) -> None:
    """The application logs its users in, and each has conversations of their own."""
    arguments = ("-m", "uvicorn", "mounted:app", "--port", "0")
    with Command(tmp_path, arguments, PYTHONPATH=f"{ROOT}:{FOLDER}") as command:
        with httpx.Client(base_url=command.url, follow_redirects=True, timeout=30) as http:
            assert 401 == http.get("/assistant/api/v1/agents").status_code
            assert "Hello Ann" in http.post("/login", data={"name": "Ann"}).text
            body = {"message": "echo Welcome", "stream": False}
            assert "Welcome" == http.post("/assistant/api/v1/chat", json=body).json()["content"]
            titles = [
                c["title"]
                for c in http.get("/assistant/api/v1/conversations").json()["conversations"]
            ]
            assert ["echo Welcome"] == titles
            script = http.get("/assistant/embed.js")
            assert "createElement('iframe')" in script.text
        other = {"Cookie": "user=Bo"}
        found = httpx.get(f"{command.url}/assistant/api/v1/conversations", headers=other).json()
        assert [] == found["conversations"]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_each_example_says_how_to_run_it(file: Path) -> None:
    """The head says what an example shows and how to run it, by a command that names it."""
    text = head(file)
    assert re.search(r"^Shows: .", text, re.MULTILINE)
    command = re.search(r"^Run, in this folder: (.+)$", text, re.MULTILINE)
    assert command is not None
    assert f" {file.stem}:" in command[1]
    assert f"({file.name})" in (FOLDER / "README.md").read_text(encoding="utf-8")
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 70
    if " serve " in command[1]:
        assert command[1].rpartition(" ")[2] in SERVED


def test_examples_need_nothing_that_is_not_installed() -> None:
    """The examples import what the server itself needs."""
    assert environment()["MODEL"]
    names = {"agno", "agno_stream", "fastapi"} | set(sys.stdlib_module_names)
    for file in FOLDER.glob("*.py"):
        imported = re.findall(r"^(?:from|import) (\w+)", file.read_text(encoding="utf-8"), re.M)
        assert set(imported) <= names
        assert all(import_module(name) for name in imported)
