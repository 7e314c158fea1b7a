"""What ships is sound: the wheel, nginx's configuration, the containers, the systemd unit."""

import configparser
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own

from app.settings import Settings
from tests.client.test_doctor import documented
from tests.command import ROOT, Command, run
from tests.nginx import Nginx

SETTINGS = {name.upper() for name in Settings.model_fields}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(ROOT / "packaging" / "agno-stream.service")
    return parser


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its arguments."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name]


#: A package of a user's own that has the name of the server's folder in a clone.
AGENTS_OF_A_USER = """
from agno.agent import Agent

assistant = Agent(id="assistant", name="The user's own")
"""

SERVE = ("-m", "agno_stream", "serve", "--port", "0")


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=100)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the wheel installed in it."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", str(folder), str(wheel))
    return folder


@pytest.fixture(params=["clone", "wheel"])
def packages(request: pytest.FixtureRequest) -> str:
    """The folder from which `agno_stream` is imported: a clone, or an installed wheel."""
    return str(ROOT if request.param == "clone" else request.getfixturevalue("installed"))


def ask(url: str) -> dict[str, Any]:
    body = {"message": "Hello?", "stream": False}
    reply = httpx.post(f"{url}/api/v1/chat", json=body, timeout=30)
    assert 200 == reply.status_code, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    """The wheel has the server inside `agno_stream`, with the page, and no package `app`."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {"agno_stream"} == {top for top in tops if not top.endswith(".dist-info")}
    assert {
        "agno_stream/server/main.py",
        "agno_stream/server/api/static/index.html",
        "agno_stream/server/api/static/main.js",
    } <= names
    assert "agno_stream/server.py" not in names  # it stands for the folder in a clone


def test_a_user_package_named_app_is_served(installed: Path, tmp_path: Path) -> None:
    """An installed wheel serves an agent of the user's own package `app`."""
    package = tmp_path / "app"
    package.mkdir()
    (package / "__init__.py").touch()  # else a clone's `app`, later in the path, would go before
    (package / "agents.py").write_text(AGENTS_OF_A_USER)
    settings = {"PYTHONPATH": str(installed), "AGENTS": "app.agents:assistant"}
    with Command(tmp_path, SERVE, **settings) as command:
        answer = ask(command.url)
        agents = httpx.get(f"{command.url}/api/v1/agents").json()["agents"]
    assert ("assistant", "stop") == (answer["agent"], answer["finish_reason"])
    assert answer["content"]
    assert [("assistant", "The user's own")] == [(each["id"], each["name"]) for each in agents]


def test_create_app_is_imported_from_the_server(packages: str, tmp_path: Path) -> None:
    """`from agno_stream.server import create_app` works in a clone and from the wheel."""
    code = "from agno_stream.server import create_app, main; print(main.__file__)"
    ended = run(tmp_path, "-c", code, PYTHONPATH=packages)
    assert 0 == ended.returncode, ended.stderr
    assert ended.stdout.startswith(packages)
    assert ended.stdout.endswith("main.py\n")


def test_workers_are_served_by_the_command(packages: str, tmp_path: Path) -> None:
    """`agno-stream serve --workers 2` answers in a clone and from the wheel."""
    with Command(tmp_path, (*SERVE, "--workers", "2"), PYTHONPATH=packages) as command:
        command.wait_for("Application startup complete.")
        assert "stop" == ask(command.url)["finish_reason"]
        assert 0 == command.stop()


def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    """nginx reads the file that ships, once its servers are known."""
    text = (ROOT / "packaging" / "nginx.conf").read_text()
    nginx = Nginx(tmp_path, text, 8000)
    command = [nginx.binary, "-t", "-c", str(nginx.file), "-g", f"pid {tmp_path}/nginx.pid;"]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert 0 == ended.returncode, ended.stderr
    assert "warn" not in ended.stderr


def test_the_documented_nginx_is_the_one_that_ships() -> None:
    """docs/operations.md shows packaging/nginx.conf, but for its comment and its servers."""
    shipped = (ROOT / "packaging" / "nginx.conf").read_text().partition("\n")[2]
    names = re.compile(r"(?:\s+server [\w.-]+:\d+;)+")
    assert names.sub("", shipped) == names.sub("", documented())


def test_the_compose_file_is_consistent() -> None:
    """Two servers share a Redis and a PostgreSQL, and only nginx is to be reached."""
    services = compose()["services"]
    assert {"agno-stream", "nginx", "redis", "postgres"} == set(services)
    assert {"nginx"} == {name for name, one in services.items() if "ports" in one}
    ours = services["agno-stream"]
    assert 2 == ours["deploy"]["replicas"]
    assert set(ours["environment"]) <= SETTINGS
    assert ours["environment"]["JOURNAL_URL"].startswith("redis://redis:")
    assert "@postgres/" in ours["environment"]["DATABASE_URL"]
    for volume in services["nginx"]["volumes"]:
        assert (ROOT / volume.split(":")[0]).is_file()
    for one in services.values():
        for needed in one.get("depends_on", {}):
            assert "healthcheck" in services[needed] or "build" in services[needed]
    grace = float(ours["stop_grace_period"].removesuffix("s"))
    assert grace > Settings.model_fields["shutdown_grace"].default


def test_the_image_runs_without_rights() -> None:
    """The image runs the server as a user without rights, and Docker can ask for its health."""
    found = steps()
    names = [name for name, _ in found]
    assert ["FROM", "FROM"] == [name for name in names if name == "FROM"]
    last = dict(found[len(names) - names[::-1].index("FROM") :])
    assert "agno-stream" == last["USER"]
    assert ('["agno-stream"]', '["serve"]') == (last["ENTRYPOINT"], last["CMD"])
    assert "/healthz" in last["HEALTHCHECK"]
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    pinned = (ROOT / "requirements-dev.lock").read_text()
    for extra in ("redis", "postgres"):
        for package in project["optional-dependencies"][extra]:
            name = re.split(r"[^\w-]", package)[0]
            assert any(f" {name}" in rest for _, rest in found), name
            assert re.search(rf"^{name}==", pinned, re.MULTILINE)


def test_the_image_copies_what_exists() -> None:
    """Everything that the Dockerfile copies exists, and Docker is not kept from seeing it."""
    seen = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied: set[str] = set()
    for name, rest in steps():
        if name == "COPY" and "--from" not in rest:
            copied.update(shlex.split(rest)[:-1])
    assert seen == copied
    assert all((ROOT / one).exists() for one in copied)


def test_the_systemd_unit_is_consistent() -> None:
    """The unit keeps what is kept where systemd lets it, and gives runs time to end."""
    service = unit()["Service"]
    assert "DATA_DIR=%S/agno-stream" == service["Environment"]
    assert "agno-stream" == service["StateDirectory"]
    assert ("yes", "strict") == (service["DynamicUser"], service["ProtectSystem"])
    assert "mixed" == service["KillMode"]
    assert float(service["TimeoutStopSec"]) > Settings.model_fields["shutdown_grace"].default
    assert service["ExecStart"].endswith("/agno-stream serve")
