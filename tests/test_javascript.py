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


def test_ollama(node: str, serve: Serve, provider: Provider) -> None:
    """Ollama's client does the same, on Ollama's door."""
    url = serve(heartbeat=0.1).url
    provider.script(
        Reply([TEXT], reasoning="Hm."),
        Reply("At last.", delay_first=0.5),
        *[Reply([TEXT])] * 3,
        Reply(tool_calls=[("weather", '{"city": "Zürich"}'), ("weather", "{}")]),
        refusal(400, "Bad.", "bad"),
        Reply("Hi there", cut_after=1),
        Reply(numbered(100), stall_after=50),
    )
    told = ask(node, "ollama.mjs", url)
    assert ["general:latest", "test-model:latest"] == told["models"] == told["loaded"]
    assert ["completion", "tools", "vision"] == told["shown"][0]
    assert told["version"]
    expected = {"text": TEXT, "thinking": "Hm.", "reason": "stop", "counts": [1, 2]}
    assert {**expected, "calls": [], "error": None} == told["stream"]
    assert ("At last.", "stop") == (told["silent"]["text"], told["silent"]["reason"])
    assert TEXT == told["whole"]
    assert [TEXT, TEXT] == told["generated"]
    assert [("weather", {"city": "Zürich"}), ("weather", {})] == [
        (call["name"], call["arguments"]) for call in told["call"]["calls"]
    ]
    assert "stop" == told["call"]["reason"]
    assert ("ResponseError", 400) == (
        told["refused"]["error"]["kind"],
        told["refused"]["error"]["status"],
    )
    assert ("Hi ", None) == (told["cut"]["text"], told["cut"]["reason"])
    assert "was lost before" in told["cut"]["error"]["said"]
    assert {"status": 404, "said": "model 'no' not found"} == told["unknown"]
    assert 501 == told["weights"]["status"]
    assert "AbortError" == told["left"]
    provider.wait_for(lambda: provider.aborted)
