"""The official clients for JavaScript, as npm has them; each is a script in tests/js."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, numbered, refusal

JS = Path(__file__).parent / "js"
TEXT = "Hi 🙂\r\n\u2028data: [DONE]\n\n漢字\0"


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the clients that package.json names installed in an ignored folder."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    wanted = json.loads((JS / "package.json").read_text())["dependencies"]
    if wanted != {name: _installed(name) for name in wanted}:
        install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(install, cwd=JS, check=True, timeout=100)
    return node


def _installed(name: str) -> str | None:
    file = JS / "node_modules" / name / "package.json"
    return str(json.loads(file.read_text())["version"]) if file.exists() else None


def ask(node: str, script: str, url: str) -> dict[str, Any]:
    """What a script was told."""
    done = subprocess.run(
        [node, script, url], cwd=JS, capture_output=True, text=True, timeout=60, check=False
    )
    assert 0 == done.returncode, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_openai(node: str, serve: Serve, provider: Provider) -> None:
    """OpenAI's client lists, streams, waits, calls tools, hears of failures, and leaves."""
    url = serve(heartbeat=0.1).url
    provider.script(
        Reply([TEXT]),
        Reply("At last.", delay_first=0.5),
        Reply([TEXT]),
        Reply(tool_calls=[("weather", '{"city": "Zürich"}'), ("weather", "{}")]),
        refusal(400, "Bad.", "bad"),
        Reply("Hi there", cut_after=1),
        Reply(numbered(100), stall_after=50),
    )
    told = ask(node, "openai.mjs", url)
    assert ["general", "test-model"] == told["models"]
    usage = told["stream"].pop("usage")
    assert {"text": TEXT, "reason": "stop", "error": None} == told["stream"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert ("At last.", "stop") == (told["silent"]["text"], told["silent"]["reason"])
    assert {"text": TEXT, "reason": "stop"} == told["whole"]
    assert "tool_calls" == told["call"]["reason"]
    assert ['{"city": "Zürich"}', "{}"] == [c["arguments"] for c in told["call"]["calls"]]
    refused = {"kind": "BadRequestError", "status": 400, "code": "model_refused_request"}
    assert refused == told["refused"]["error"]
    assert ("Hi ", None) == (told["cut"]["text"], told["cut"]["reason"])
    assert ("APIError", "upstream_cut") == (
        told["cut"]["error"]["kind"],
        told["cut"]["error"]["code"],
    )
    assert "left" == told["left"]
    provider.wait_for(lambda: provider.aborted)
