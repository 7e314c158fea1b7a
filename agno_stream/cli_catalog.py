"""`agno-stream agents` and `agno-stream models`: what a question can name."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from agno_stream.cli_ask import client_config
from agno_stream.client import Client
from agno_stream.infos import AgentInfo, ModelInfo, PartInfo


def catalog(options: argparse.Namespace) -> int:
    """Print the agents or the models of the server, and return the exit code 0."""
    found: Sequence[AgentInfo | ModelInfo]
    with Client(client_config(options)) as client:
        found = client.agents() if options.command == "agents" else client.models()
    for one in found:
        if options.json:
            print(json.dumps(asdict(one), ensure_ascii=False))
        elif isinstance(one, AgentInfo):
            print("\n".join(agent_lines(one)))
        else:
            print(f"{'*' if one.default else ' '} {one.id}  {one.provider}".rstrip())
    return 0


def agent_lines(agent: AgentInfo) -> Iterator[str]:
    """An agent, team or workflow, and what it consists of."""
    kind = "" if agent.kind == "agent" else f" ({agent.kind})"
    yield f"{'*' if agent.default else ' '} {agent.id}{kind}  {agent.description}".rstrip()
    yield from _inside(agent, 2)
    for question in agent.suggestions:
        yield f"    ? {' '.join(question.split())}"


def _inside(one: AgentInfo | PartInfo, depth: int) -> Iterator[str]:
    before = "  " * depth
    for tool in one.tools:
        yield f"{before}⚙ {tool.name}  {tool.description}".rstrip()
    for part in (*one.members, *one.steps):
        kind = "" if part.kind in ("agent", "step") else f" ({part.kind})"
        yield f"{before}▸ {part.name}{kind}  {part.description}".rstrip()
        yield from _inside(part, depth + 1)
