"""What becomes of every event of Agno: the handlers that read it, or why readers get nothing.

`tests/core/agents/events/test_table.py` fails for a name of Agno's that is not here.

See docs/decisions/052-the-text-of-a-run-is-agnos-output.md.
"""

from typing import NamedTuple


class Rule(NamedTuple):
    """The methods of `EventReader` for an event of the run itself, and for one of another run that
    goes on inside it; None if that one is silent, and `silence` is the reason."""

    own: str | None = None
    nested: str | None = None
    silence: str = ""


_CONTENT = Rule("own_content", "said_content")
_TOOL = Rule("own_tool", "said_tool")
_REASONING = Rule("own_reasoning", "said_reasoning")
_NOTICE = Rule("notice", None, "Upkeep of another run explains no silence of this one.")
_STEP = Rule("step", "step")
_ENDED = "The run's last chunk reports it."
_BEGUN = "The end of the same thing is reported; its beginning is seen in the tool or the text."
_HOOK = "A hook's work is seen in the question, in the answer, or in the error that it raises."
_BY_STEPS = "The steps inside it report themselves, and its end is in the run's last chunk."

#: Events that agents and teams have alike; a team's have the prefix `Team`.
_RUN = {
    "RunStarted": Rule(silence="The log's first chunk reports the start of a run."),
    "RunContent": _CONTENT,
    "RunContentCompleted": Rule(silence=_ENDED),
    "RunIntermediateContent": Rule(silence="An output model writes the answer from this text."),
    "RunCompleted": Rule("completed", "said_completed"),
    "RunError": Rule("failed", "said_ended"),
    "RunCancelled": Rule("cancelled", "said_ended"),
    "RunPaused": Rule("paused", "said_ended"),
    "RunContinued": Rule(silence="The first chunk of the run that continues has `continues`."),
    "PreHookStarted": Rule(silence=_HOOK),
    "PreHookCompleted": Rule(silence=_HOOK),
    "PostHookStarted": Rule(silence=_HOOK),
    "PostHookCompleted": Rule(silence=_HOOK),
    "ToolCallStarted": _TOOL,
    "ToolCallCompleted": _TOOL,
    "ToolCallError": Rule(silence="Agno has reported the call as completed, with its error."),
    "ReasoningStarted": Rule(silence=_BEGUN),
    "ReasoningStep": Rule("own_reasoning_step", "said_reasoning"),
    "ReasoningContentDelta": _REASONING,
    "ReasoningCompleted": Rule(silence="It repeats the steps, which were reported one by one."),
    "MemoryUpdateStarted": Rule(silence=_BEGUN),
    "MemoryUpdateCompleted": _NOTICE,
    "SessionSummaryStarted": Rule(silence=_BEGUN),
    "SessionSummaryCompleted": _NOTICE,
    "ParserModelResponseStarted": Rule("rewriting_began", None, _ENDED),
    "ParserModelResponseCompleted": Rule("rewriting_ended", None, _ENDED),
    "OutputModelResponseStarted": Rule(silence="Its text follows, and is the answer."),
    "OutputModelResponseCompleted": Rule(silence=_ENDED),
    "ModelRequestStarted": Rule(silence="Telemetry and the log of the provider count requests."),
    "ModelRequestCompleted": Rule("requested", "requested_inside"),
    "CompressionStarted": _NOTICE,
    "CompressionCompleted": _NOTICE,
    "FollowupsStarted": Rule(silence=_BEGUN),
    "FollowupsCompleted": Rule("followed_up", None, "They are for the reader of another answer."),
}

_AGENT_ALONE = {
    "CompactionStarted": _NOTICE,  # it can be a long silence before the first token
    "CompactionCompleted": _NOTICE,
    "CustomEvent": Rule("custom", "custom"),
}

_TEAM_ALONE = {
    "TeamTaskIterationStarted": _NOTICE,
    "TeamTaskIterationCompleted": _NOTICE,
    "TeamTaskStateUpdated": _NOTICE,
    "TeamTaskCreated": _NOTICE,
    "TeamTaskUpdated": _NOTICE,
}

_WORKFLOW = {
    "WorkflowStarted": Rule(silence="The log's first chunk reports the start of a run."),
    "WorkflowCompleted": Rule("completed", None, _BY_STEPS),
    "WorkflowPaused": Rule("paused", "said_ended"),
    "WorkflowCancelled": Rule("cancelled", "said_ended"),
    "WorkflowError": Rule("failed", "said_ended"),
    "WorkflowAgentStarted": Rule(silence=_BY_STEPS),
    "WorkflowAgentCompleted": Rule("completed", None, _BY_STEPS),
    "StepOutput": Rule("step_output", "step_output"),
    **dict.fromkeys(
        (
            *("StepStarted", "StepCompleted", "StepProgress", "StepPaused", "StepContinued"),
            *("StepExecutorPaused", "StepExecutorContinued", "StepOutputReview", "StepError"),
            *("LoopExecutionStarted", "LoopIterationStarted", "LoopIterationCompleted"),
            *("LoopExecutionCompleted", "ParallelExecutionStarted", "ParallelExecutionCompleted"),
            *("ConditionExecutionStarted", "ConditionExecutionCompleted", "ConditionPaused"),
            *("RouterExecutionStarted", "RouterExecutionCompleted", "RouterPaused"),
            *("StepsExecutionStarted", "StepsExecutionCompleted"),
        ),
        _STEP,
    ),
}

#: Every event of Agno by its name.
TABLE: dict[str, Rule] = {
    **_RUN,
    **{f"Team{name}": rule for name, rule in _RUN.items()},
    **_AGENT_ALONE,
    **_TEAM_ALONE,
    **_WORKFLOW,
}
