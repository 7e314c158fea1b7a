"""The table: kinds of applications, and the doors and faults that each is tried with.

To enable a kind, add its line; to enable all of its doors, faults and fields, remove its limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.applications import guards, knowledge, media, memory, outputs, teams, tools
from tests.applications.doors import ALL, JSON, OLLAMA, OPENAI, SSE, SSE_HISTORY, Door
from tests.applications.kind import Kind

FAULTS = ("length", "cut", "error")


@dataclass(frozen=True, slots=True)
class Row:
    """A kind with the doors, the faults and the fields of native chunks that it is tried with."""

    kind: Kind
    doors: Sequence[Door]
    faults: Sequence[str]
    shows: Sequence[str]


def row(
    kind: Kind,
    *doors: Door,
    faults: Sequence[str] = FAULTS,
    shows: Sequence[str] | None = None,
) -> Row:
    """All that a kind can be tried with, unless it is limited."""
    able = [door for door in ALL if door.final or not kind.rewritten]
    return Row(
        kind,
        doors or able,
        faults if kind.faults and not kind.blocked else (),
        kind.shows if shows is None else shows,
    )


TABLE = [
    row(tools.plain_agent),
    row(tools.sync_tool),
    row(tools.tool_after_text),
    row(tools.async_tool),
    row(tools.generator_tool),
    row(tools.async_generator_tool),
    row(tools.toolkit),
    row(tools.parallel_calls),
    row(tools.rounds_of_tools),
    row(tools.tool_hooks),
    row(tools.failing_tool),
    row(tools.retry_agent_run),
    row(tools.stop_agent_run),
    row(tools.tool_result_is_answer),
    row(tools.tool_factory),
    row(tools.run_context),
    row(tools.custom_events, shows=["tool"]),
    row(tools.nested_agent, shows=["tool"]),
    row(tools.mcp_toolkit, SSE, faults=()),
    row(media.pictures_in_tool, SSE, JSON),
    row(media.pictures_for_model),
    row(media.picture_from_tool, shows=["tool"]),
    row(guards.pre_hook, SSE, JSON),
    row(guards.pre_hook_refuses, SSE),
    row(guards.guardrail, SSE, JSON),
    row(guards.guardrail_refuses, SSE),
    row(guards.prompt_injection, SSE, SSE_HISTORY),
    row(guards.personal_data, SSE, SSE_HISTORY),
    row(guards.masked_personal_data),
    row(guards.pre_hook_rewrites, SSE, JSON),
    row(guards.output_refused, SSE, SSE_HISTORY, OPENAI, OLLAMA),
    row(guards.post_hook_reads),
    row(outputs.output_schema, faults=["length", "error"], shows=()),
    row(outputs.json_mode, faults=["length", "error"]),
    row(outputs.output_schema_after_tool, faults=["length", "error"]),
    row(outputs.output_model, faults=()),
    row(outputs.input_schema, SSE, JSON, faults=["cut", "error"]),
    row(outputs.followups, shows=()),
    row(outputs.reasoning_text),
    row(outputs.reasoning_model),
    row(outputs.reasoning_tools),
    row(outputs.responses_model),
    row(outputs.responses_tool),
    row(outputs.responses_schema, faults=["length", "error"], shows=()),
    row(outputs.citations, shows=()),
    row(outputs.question_with_dollars, SSE_HISTORY, OPENAI, OLLAMA),
    row(outputs.model_retries),
    row(outputs.agent_retries),
    row(outputs.instructions_from_function),
    row(outputs.few_shots),
    row(memory.session_state, shows=["tool"]),
    row(memory.state_in_instructions),
    row(memory.memories),
    row(memory.summaries),
    row(knowledge.vector_store_by_tool),
    row(knowledge.vector_store_in_context, SSE, JSON),
    row(knowledge.knowledge_by_tool),
    row(knowledge.knowledge_in_context, SSE, JSON),
    row(knowledge.knowledge_retriever, SSE, JSON),
    row(memory.dependencies_in_context, SSE, JSON),
    row(memory.store_sqlite),
    row(memory.store_async_sqlite),
    row(memory.store_in_memory),
    row(memory.store_postgresql),
    row(teams.team_coordinates, faults=["length"], shows=["tool"]),
    row(teams.team_leader_alone, faults=["length"]),
    row(teams.team_broadcasts, faults=["length"], shows=["tool"]),
    row(teams.team_nested, faults=["length"], shows=["tool"]),
    row(teams.team_leader_tool, faults=["length"]),
    row(teams.team_session_state, faults=["length"]),
]
