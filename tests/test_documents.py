"""The documents hold together: links, decisions, and the examples for contributors."""

import importlib
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Literal

import httpx
import pytest

import app.api.doors
import app.core.log.journals
from app.core.errors import Gap
from app.core.log.journal import Entry, Group, Log, RunRecord
from app.core.log.journals import SCHEMES, Scheme
from app.models.chat import StreamingChunk
from tests.command import ROOT
from tests.conftest import Serve

DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

#: Folders of others; so are those whose names begin with a dot.
FOREIGN = {"node_modules", "vendor", "data"}

#: A Markdown link, and a heading, outside of code.
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)


def documents() -> list[Path]:
    found = set(ROOT.rglob("*.md")) - set(ROOT.rglob("*.template.md"))
    parts = {file: file.relative_to(ROOT).parts for file in found}
    return sorted(
        file
        for file, names in parts.items()
        if not FOREIGN & set(names) and not any(name.startswith(".") for name in names)
    )


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("file", documents(), ids=lambda file: str(file.relative_to(ROOT)))
def test_links_of_a_document_lead_somewhere(file: Path) -> None:
    """Every relative link names a file that exists, and a heading that the file has."""
    text = file.read_text(encoding="utf-8")
    for found in LINK.findall(CODE.sub("", text)):
        target, _, anchor = "".join(found).partition("#")
        if re.match(r"\w+:", target):
            continue
        linked = file.parent / target if target else file
        assert linked.exists(), target
        if anchor:
            assert anchor in slugs(linked.read_text(encoding="utf-8")), (target, anchor)


def test_the_index_of_decisions_is_complete() -> None:
    """The index lists every record once, under its title, and numbers have no holes."""
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", index, re.MULTILINE)
    assert sorted(name for _, name in listed) == [file.name for file in RECORDS]
    for title, name in listed:
        assert (
            f"# {title}\n" == (DECISIONS / name).read_text(encoding="utf-8").split("\n\n")[0] + "\n"
        )
    assert list(range(1, len(RECORDS) + 1)) == [int(file.name[:3]) for file in RECORDS]


@pytest.mark.parametrize("file", RECORDS, ids=lambda file: file.stem)
def test_a_decision_has_all_its_parts(file: Path) -> None:
    """A record has a context, a decision, a consequence, evidence, and what it explains."""
    parts = re.findall(r"^\*\*(\w+)\.?\*\*", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert ["Context", "Decision", "Consequence", "Evidence", "Explains"] == parts


def modules() -> Iterator[Path]:
    for folder in ("app", "agno_stream", "benchmarks", "tests"):
        for file in (ROOT / folder).rglob("*.*"):
            if file.suffix in (".py", ".js") and not FOREIGN & set(file.relative_to(ROOT).parts):
                yield file


def test_modules_and_decisions_refer_to_each_other() -> None:
    """A record names the modules that it explains, and each of these names the record."""
    explained = {
        (ROOT / path, file.name)
        for file in RECORDS
        for path in re.findall(
            r"\[(\S+)\]", file.read_text(encoding="utf-8").partition("**Explains**")[2]
        )
    }
    referring = {
        (file, name)
        for file in modules()
        for name in re.findall(
            r"See docs/decisions/(\S+\.md)\.$", file.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert sorted(explained) == sorted(referring)


def test_the_plan_of_the_house_is_short() -> None:
    """ARCHITECTURE.md stays a page that is read to its end."""
    assert len((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_the_plan_of_the_house_names_files_that_exist() -> None:
    """Every path of the server in ARCHITECTURE.md leads to a file or a folder."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = re.findall(r"\b((?:app|agno_stream|docs)/[\w/-]*(?:\.\w+)?)", text)
    drawn = [f"app/{path}" for path in re.findall(r"\b((?:api|core)/[\w/]+\.py)", text)]
    assert len(paths) > 30
    for path in [*paths, *drawn]:
        assert (ROOT / path.replace("app/app/", "app/")).exists(), path


# CONTRIBUTING.md.


def test_the_guide_names_files_that_exist() -> None:
    """Every path of the guide that begins at the root leads to a file or a folder, but the toys."""
    paths = re.findall(r"`((?:app|agno_stream|tests|docs)/[\w/-]*(?:\.\w+)?)`", GUIDE)
    assert len(paths) > 30
    for path in paths:
        assert "toy" in path or (ROOT / path).exists(), path


# Its toys.


def blocks() -> dict[str, str]:
    """The modules that the guide shows, by the path that stands before each."""
    found: dict[str, str] = {}
    before, *shown = GUIDE.split("   ```python\n")
    for block in shown:
        code, _, after = block.partition("   ```\n")
        paragraph = before.rstrip().rpartition("\n\n")[2]
        path = re.search(r"`(app/[\w/]+\.py)`", paragraph)
        assert path is not None, paragraph
        found[path[1]] = textwrap.dedent(code)
        before = after
    return found


@pytest.fixture
def toys(tmp_path: Path) -> Iterator[Path]:
    """The guide's modules in a folder, where Python looks for them as if they were in `app/`."""
    for path, code in blocks().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    places = [app.api.doors.__path__, app.core.log.journals.__path__]
    for place, folder in zip(places, ("api/doors", "core/log/journals"), strict=True):
        place.append(str(tmp_path / "app" / folder))
    known = set(sys.modules)
    yield tmp_path
    for place in places:
        place.pop()
    for name in set(sys.modules) - known:
        if ".toy" in name:
            del sys.modules[name]


def test_the_guide_shows_whole_modules() -> None:
    """The guide has the four modules of a door, and the one of a journal."""
    door = {f"app/api/doors/toy/{name}.py" for name in ("__init__", "encoder", "errors", "routes")}
    assert {*door, "app/core/log/journals/toy.py"} == blocks().keys()


def test_the_toys_pass_the_linter(toys: Path) -> None:
    """Whoever copies a module of the guide starts with a clean check."""
    shutil.copy(ROOT / "pyproject.toml", toys)  # its exceptions are for paths below it
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        ended = subprocess.run(ruff, cwd=toys, capture_output=True, encoding="utf-8", check=False)
        assert 0 == ended.returncode, ended.stdout


def test_the_toy_door_answers(toys: Path, serve: Serve) -> None:
    """The guide's door streams an answer in capitals, by both of its routes, and refuses."""
    toy: ModuleType = importlib.import_module("app.api.doors.toy")
    server = serve(model="demo")
    server.app.include_router(toy.DOOR.router)
    with httpx.Client(base_url=server.url, timeout=30) as http:
        for reply in (
            http.get("/toy", params={"message": "echo Hello there"}),
            http.post("/toy", json={"message": "echo Hello there"}),
        ):
            assert (200, "HELLO THERE") == (reply.status_code, reply.text)
        assert 400 == http.post("/toy", content="nonsense").status_code


def record(run_id: str) -> RunRecord:
    return RunRecord(run_id, "conversation", "principal", "agent", "model", created_at=1.0)


def entry(text: str, *, done: bool = False) -> Entry:
    finish_reason: Literal["stop"] | None = "stop" if done else None
    return 0.0, StreamingChunk(text, done, "model", finish_reason=finish_reason)


async def test_the_toy_journal_keeps_logs(toys: Path) -> None:
    """The guide's journal keeps entries, repeats and holes as the contract says."""
    toy: ModuleType = importlib.import_module("app.core.log.journals.toy")
    journal = toy.ToyJournal()
    assert await journal.create(record("r1"))
    assert not await journal.create(record("r1"))
    first, last = [entry("a"), entry("b")], [entry("c", done=True)]
    for _ in range(2):
        assert [] == await journal.append([Group(record("r1"), 1, first)])
    assert [] == await journal.append([Group(record("r1"), 3, last)])
    assert ["r1"] == await journal.append([Group(record("r1"), 4, first)])
    assert [first[1], *last] == await journal.read("r1", 1, 10)
    assert (3, True) == (await journal.reached(["r1", "nothing"]))["r1"]
    await journal.append([Group(record("r2"), 5, first)])
    with pytest.raises(Gap):
        await journal.read("r2", 0, 10)
    assert {name for name in vars(Log) if not name.startswith("_")} <= {*dir(journal)}


def test_the_toy_journal_serves(toys: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with the guide's journal answers, and forgets the runs of a conversation."""
    monkeypatch.setitem(SCHEMES, "toy", Scheme("toy", "ToyJournal"))
    server = serve(model="demo", journal_url="toy://")
    with httpx.Client(base_url=server.url, timeout=30) as http:
        reply = http.post("/api/v1/chat", json={"message": "echo Hello", "stream": False})
        assert "Hello" == reply.json()["content"]
        run = f"/api/v1/runs/{reply.json()['run_id']}"
        assert 200 == http.get(run).status_code
        conversation = f"/api/v1/conversations/{reply.json()['conversation_id']}"
        assert 204 == http.delete(conversation).status_code
        assert 404 == http.get(run).status_code
