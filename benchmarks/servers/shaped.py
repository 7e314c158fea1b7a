"""Agents for each form of tokens in shapes.py: `AGENTS=benchmarks.servers.shaped:agents`.

`UPSTREAM` is the address of the provider.
"""

import os

from agno.agent import Agent
from agno.models.anthropic import Claude
from agno.models.base import Model
from agno.models.ollama import Ollama
from agno.models.openai import OpenAIChat, OpenAIResponses

from benchmarks.servers.shapes import CHUNKS

KEY = "sk-benchmark"


def agents() -> list[Agent]:
    url = os.environ["UPSTREAM"]
    models: dict[str, Model] = {
        name: OpenAIChat(id=name, api_key=KEY, base_url=f"{url}/v1") for name in CHUNKS
    }
    models["responses"] = OpenAIResponses(id="responses", api_key=KEY, base_url=f"{url}/v1")
    models["ollama"] = Ollama(id="ollama", host=url)
    models["claude"] = Claude(id="claude", api_key=KEY, client_params={"base_url": url})
    return [Agent(id=name, model=model, telemetry=False) for name, model in models.items()]
