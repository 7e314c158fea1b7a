"""The table: kinds of applications, and the doors and faults that each is tried with.

To enable a kind, add its line; to enable all of its doors, faults and fields, remove its limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.applications import (
    guards,
    knowledge,
    media,
    memory,
    outputs,
    teams,
    tools,
    workflows,
)
from tests.applications.doors import AGUI, ALL, Door
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
    """All that a kind can be tried with, unless it is limited.

    AG-UI's door stores, finds and asks as the others do; it shows more than text in a way of its
    own, so it is tried with the kinds that have more.
    """
    able = [door for door in ALL if door.final or not kind.rewritten]
    if kind.shows or kind.rewritten:
        able.append(AGUI)
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
    row(tools.custom_events),
    row(tools.nested_agent),
    row(tools.nested_agent_fails),
    row(tools.mcp_toolkit),
    row(media.pictures_in_tool),
    row(media.pictures_for_model),
    row(media.picture_from_tool),
    row(guards.pre_hook),
    row(guards.pre_hook_refuses),
    row(guards.guardrail),
    row(guards.guardrail_refuses),
    row(guards.prompt_injection),
    row(guards.personal_data),
    row(guards.masked_personal_data),
    row(guards.pre_hook_rewrites),
    row(guards.output_refused),
    row(guards.post_hook_rewrites),
    row(guards.post_hook_reads),
    row(outputs.output_schema),
    row(outputs.json_mode),
    row(outputs.output_schema_after_tool),
    row(outputs.output_model),
    row(outputs.parser_model),
    row(outputs.input_schema),
    row(outputs.input_schema_refuses),
    row(outputs.followups),
    row(outputs.followups_config),
    row(outputs.reasoning_text),
    row(outputs.reasoning_model),
    row(outputs.reasoning_tools),
    row(outputs.responses_model),
    row(outputs.responses_tool),
    row(outputs.responses_schema),
    row(outputs.citations),
    row(outputs.question_with_dollars),
    row(outputs.fallback_models),
    row(outputs.model_retries),
    row(outputs.agent_retries),
    row(outputs.instructions_from_function),
    row(outputs.few_shots),
    row(memory.session_state),
    row(memory.state_in_instructions),
    row(memory.memories),
    row(memory.summaries),
    row(memory.dependencies_in_context),
    row(memory.store_json),
    row(memory.store_sqlite),
    row(memory.store_async_sqlite),
    row(memory.store_in_memory),
    row(memory.store_postgresql),
    row(memory.store_redis),
    row(knowledge.knowledge_by_tool),
    row(knowledge.vector_store_by_tool),
    row(knowledge.vector_store_in_context),
    row(knowledge.knowledge_in_context),
    row(knowledge.knowledge_retriever),
    row(teams.team_coordinates),
    row(teams.team_leader_alone),
    row(teams.team_routes),
    row(teams.team_responds_directly),
    row(teams.team_broadcasts),
    row(teams.team_nested),
    row(teams.team_routes_to_team),
    row(teams.team_tasks),
    row(teams.team_member_fails),
    row(teams.team_leader_tool),
    row(teams.team_output_schema),
    row(teams.team_guardrail_refuses),
    row(teams.team_session_state),
    row(workflows.workflow_steps),
    row(workflows.workflow_agents),
    row(workflows.workflow_function),
    row(workflows.workflow_async_function),
    row(workflows.workflow_stream_function),
    row(workflows.workflow_parallel),
    row(workflows.workflow_ends_in_parallel),
    row(workflows.workflow_loop),
    row(workflows.workflow_condition),
    row(workflows.workflow_router),
    row(workflows.workflow_group),
    row(workflows.workflow_of_team),
    row(workflows.workflow_of_routing_team),
    row(workflows.workflow_of_workflow),
    row(workflows.workflow_step_skipped),
    row(workflows.workflow_condition_else),
    row(workflows.workflow_router_by_name),
    row(workflows.workflow_input_schema),
    row(workflows.agent_factory),
    row(workflows.team_factory),
    row(workflows.workflow_factory),
]
