"""The columns of Agno's tables are the same by our way and by Agno's own."""

import dataclasses
import json
import re
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from agno.db.utils import build_single_run_row, json_serializer
from agno.media import Image
from agno.metrics import MessageMetrics, ModelMetrics, RunMetrics, SessionMetrics
from agno.models.message import Citations, Message
from agno.models.response import ToolExecution
from agno.run.agent import RunContentEvent, RunInput, RunOutput
from agno.run.base import RunStatus
from agno.run.team import TeamRunOutput
from agno.run.workflow import WorkflowRunOutput
from agno.session import AgentSession, TeamSession
from agno.session.summary import SessionSummary
from pydantic import BaseModel

from app.core.agents.storage.rows import RunRow, session_row
from app.core.agents.storage.writers.columns import run_columns, session_columns


class Answer(BaseModel):
    text: str


@dataclasses.dataclass
class Point:
    x: int
    near: list["Point"] = dataclasses.field(default_factory=list)


def _metrics(**values: Any) -> RunMetrics:
    model = ModelMetrics(id="m", provider="P", input_tokens=3, provider_metrics={"a": 1})
    return RunMetrics(input_tokens=3, duration=0.5, details={"model": [model], "x": []}, **values)


#: The fields of a message that Agno may write as they are, and values for those that are no text.
PLAIN_OF_A_MESSAGE = {
    name
    for name in Message.model_fields
    if not re.search("audio|image|video|file|metrics|role|^content|references|citations", name)
}
VALUES: dict[str, Any] = {
    "tool_args": {"k": [1]},
    "provider_data": {"k": None},
    "tool_calls": [{"k": 1}],
    "tool_call_error": True,
    "stop_after_tool_call": True,
    "from_history": True,
    "add_to_agent_memory": False,
    "temporary": True,
    "created_at": 3,
    "checkpoint_created_at": 4,
}

#: What a run has besides its id and its agent.
RUNS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "text": {"content": "ü'\"\u2028 \ud800", "content_type": "str"},
    "an answer with its price": {
        "content": "Hi",
        "input": RunInput(input_content="Hello?"),
        "messages": [
            Message(role="user", content="Hello?"),
            Message(role="assistant", content="Hi", metrics=MessageMetrics(input_tokens=3)),
        ],
        "metrics": _metrics(additional_metrics={"b": [0]}),
        "model_provider_data": {"id": "x"},
        "session_state": {"n": {"deep": [1, None]}},
        "status": RunStatus.completed,
        "created_at": 0,
    },
    "messages with all they can have": {
        "messages": [
            Message(
                role="tool",
                content=[{"type": "text", "text": "x"}],
                metrics=MessageMetrics(
                    input_tokens=0, cost=0.0, duration=0.0, provider_metrics={"a": 0}
                ),
                **{name: VALUES.get(name, f"the {name}") for name in PLAIN_OF_A_MESSAGE},
            ),
            Message(role="user", content="", tool_calls=[], tool_args={}, name=""),
            Message(role="user", images=[Image(url="https://example.com/a.png", id="i")]),
            Message(role="user", citations=Citations(raw=["x"]), temporary=True),
        ],
    },
    "metrics as a dict": {"metrics": {"input_tokens": 0}},
    "no metrics": {"metrics": RunMetrics()},
    "a status as text": {"status": "COMPLETED"},
    "an object": {"content": Answer(text="Hi")},
    "numbers": {"content": {"a": float("nan"), 1: 2}},
    "metadata that is no JSON": {"metadata": {"at": date(2026, 1, 1), "id": UUID(int=3), "t": int}},
    "objects in the state": {"session_state": {"p": Point(1, [Point(2)]), "m": SessionMetrics()}},
    "a message in the state": {"session_state": {"m": Message(role="user", content="x", id="1")}},
    "a tuple": {"session_state": {"p": (1, (2,))}},
    "tools": {"tools": [ToolExecution(tool_call_id="c", tool_name="t", result="r")]},
    "images": {"images": [Image(url="https://example.com/a.png", id="i")]},
    "events": {"events": [RunContentEvent(content="x", run_id="r", created_at=1)]},
    "citations": {"citations": Citations(raw=["x"])},
    "reasoning": {"reasoning_messages": [Message(role="assistant", content="hm", id="1")]},
    "more input": {"additional_input": [Message(role="user", content="hm", id="1")]},
    "followups": {"followups": ["And?"]},
}


def _run(name: str) -> RunOutput:
    return RunOutput(run_id="r", agent_id="a", session_id="s", **RUNS[name])


@pytest.mark.parametrize("name", list(RUNS))
def test_columns_of_a_run_differ(name: str) -> None:
    """Whatever a run has, its columns are byte by byte those that Agno makes."""
    expected = build_single_run_row(_run(name), "s", "u", 2)
    expected["run_data"] = json_serializer(expected["run_data"])
    found = run_columns(RunRow(run := _run(name), "s", "u", 2))
    assert expected | {"created_at": 0} == found | {"created_at": 0}
    assert list(expected) == list(found)
    assert run.to_dict() == _run(name).to_dict() or "numbers" == name


@pytest.mark.parametrize(
    "run",
    [
        RunOutput(run_id="r", created_at=1),  # of no agent
        TeamRunOutput(run_id="r", team_id="t", created_at=1),
        WorkflowRunOutput(run_id="r", workflow_id="w", created_at=1),
        {"run_id": "r", "agent_id": "a", "created_at": 1},
    ],
)
def test_columns_of_another_run_differ(run: Any) -> None:
    """Runs of teams and workflows, and the data of runs, are written as Agno writes them."""
    expected = build_single_run_row(run, "s", None, None)
    expected["run_data"] = json_serializer(expected["run_data"])
    assert expected == run_columns(RunRow(run, "s", None))


@pytest.mark.parametrize("kind", [AgentSession, TeamSession])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"user_id": "u", "session_data": {"session_name": "ü", "n": 1}, "metadata": {"a": None}},
        {"session_data": {"at": date(2026, 1, 1), "p": Point(1)}},
        {"session_data": {"m": ModelMetrics(id="m")}},
        {"summary": SessionSummary(summary="It was short.")},
    ],
)
def test_columns_of_a_session_differ(kind: Any, values: dict[str, Any]) -> None:
    """Whatever a session has, its columns are those of Agno's row."""
    session = kind(session_id="s", created_at=1, **values)
    row = session_row(session)
    expected = {
        name: value if name.endswith("_id") else json_serializer(value)
        for name in session_columns(session)
        for value in [row[name]]
    }
    assert expected == session_columns(session)


def test_values_that_nobody_can_write_are_passed_over() -> None:
    """A value that Agno cannot write raises its error."""
    run = RunOutput(run_id="r", agent_id="a", session_state={"s": {1, 2}})
    with pytest.raises(TypeError):
        run_columns(RunRow(run, "s", None))
    assert json.loads(run_columns(RunRow(_run("text"), "s", None))["run_data"])["content"]
