"""LiteLLM's proxy, in a virtual environment of its own because it pins much of what we use."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import KEY, Peer, openai_body

HOME = Path(__file__).parent / ".cache" / "litellm"
MODEL = "gpt-4o-mini"


def peer() -> Peer:
    """The proxy; makes its environment first. Raises CalledProcessError if that fails."""
    program = HOME / "bin" / "litellm"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-qq", "litellm[proxy]"], check=True)

    def command(port: int, upstream: str) -> Sequence[str]:
        parameters = {"model": f"openai/{MODEL}", "api_base": upstream, "api_key": KEY}
        config = {
            "model_list": [{"model_name": MODEL, "litellm_params": parameters}],
            "general_settings": {"master_key": KEY},
            "litellm_settings": {"telemetry": False, "disable_streaming_logging": True},
        }
        file = HOME / "config.json"  # JSON is YAML
        file.write_text(json.dumps(config))
        where = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        return [str(program), "--config", str(file), *where]

    return Peer(
        name="LiteLLM",
        note="its proxy, no agent and no conversations",
        command=command,
        path="/v1/chat/completions",
        marker=b'"content":"',
        body=openai_body,
        health="/health/liveliness",
    )


def version() -> str:
    python = HOME / "bin" / "python"
    ask = "from importlib.metadata import version; print(version('litellm'))"
    return subprocess.run([python, "-c", ask], capture_output=True, text=True).stdout.strip()
