"""What a server does not need is not loaded: memory, and the time of its start."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.command import SERVE, Command
from tests.provider import Provider

#: Modules that take memory or time, and who needs them.
LATE = {
    "a2a": "agents on other servers",
    "ag_ui": "nobody: the door writes its protocol itself",
    "agno.db.postgres": "DATABASE_URL=postgresql://...",
    "agno.learn": "agents that learn",
    "agno.os": "nobody: we are not AgentOS",
    "agno.team": "teams",
    "agno.tools.mcp": "agents with tools of MCP",
    "agno.workflow": "workflows",
    "anthropic": "models of Anthropic",
    "app.core.log.journals.redis": "JOURNAL_URL=redis://...",
    "app.core.providers.demo": "the demonstration",
    "asyncpg": "DATABASE_URL=postgresql://...",
    "google.genai": "models of Google",
    "groq": "models of Groq",
    "limits": "RATE_LIMIT",
    "litellm": "models of LiteLLM",
    "mcp": "the door of MCP, from its first request on",
    "mistralai": "models of Mistral",
    "numpy": "nobody",
    "ollama": "models of Ollama",
    "openai.resources.beta": "nobody",
    "openai.resources.responses": "models that answer by OpenAI's Responses",
    "opentelemetry.sdk": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "redis": "JOURNAL_URL=redis://...",
    "streamlit": "the client in Streamlit",
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """The modules that a server with one model of OpenAI's has loaded for its first answer."""
    folder: Path = tmp_path_factory.mktemp("late")
    settings = {"MODEL": "openai:gpt-4o-mini", "OPENAI_API_KEY": "sk-test-of-late-imports"}
    with Provider() as provider:
        settings["OPENAI_BASE_URL"] = provider.url
        with Command(folder, ("-X", "importtime", *SERVE), **settings) as command:
            answer = httpx.post(f"{command.url}/api/v1/chat", json={"message": "?"}, timeout=60)
            assert answer.is_success
            yield set(re.findall(r"^import time: .*\| +(\S+)$", command.output, re.MULTILINE))


@pytest.mark.parametrize("module", LATE)
def test_a_module_is_loaded_by_servers_that_do_not_need_it(loaded: set[str], module: str) -> None:
    """A server with one agent and a model of OpenAI's answers without it."""
    assert "openai.resources.chat" in loaded
    assert module not in loaded, f"is for {LATE[module]}"
