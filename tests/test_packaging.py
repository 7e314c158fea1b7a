"""What ships beside the code is sound: nginx's configuration, the containers, the systemd unit."""

import configparser
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types of its own

from app.settings import Settings
from tests.client.test_doctor import documented
from tests.command import ROOT
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


def test_the_compose_file() -> None:
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


def test_the_image() -> None:
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


def test_what_the_image_copies() -> None:
    """Everything that the Dockerfile copies exists, and Docker is not kept from seeing it."""
    seen = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied: set[str] = set()
    for name, rest in steps():
        if name == "COPY" and "--from" not in rest:
            copied.update(shlex.split(rest)[:-1])
    assert seen == copied
    assert all((ROOT / one).exists() for one in copied)


def test_the_unit() -> None:
    """The unit keeps what is kept where systemd lets it, and gives runs time to end."""
    service = unit()["Service"]
    assert "DATA_DIR=%S/agno-stream" == service["Environment"]
    assert "agno-stream" == service["StateDirectory"]
    assert ("yes", "strict") == (service["DynamicUser"], service["ProtectSystem"])
    assert "mixed" == service["KillMode"]
    assert float(service["TimeoutStopSec"]) > Settings.model_fields["shutdown_grace"].default
    assert service["ExecStart"].endswith("/agno-stream serve")
