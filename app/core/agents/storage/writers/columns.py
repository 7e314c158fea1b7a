"""Rows of Agno's tables from its objects: the same as Agno's, without copies of what is plain.

Agno copies each value of a row by itself before it writes it as JSON, which takes longer than all
else of a short turn.

See docs/decisions/072-what-every-run-does-takes-one-step.md.
"""

import json
from dataclasses import fields
from typing import Any

from agno.db.utils import build_single_run_row, get_run_type, json_serializer
from agno.metrics import MessageMetrics, ModelMetrics, RunMetrics
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.session import AgentSession

from ..rows import RunRow, session_row, type_of
from ..sessions import AnySession

#: The fields of a run that Agno writes by a call of their own, in its order.
_CALLED = (
    *("metrics", "compaction", "events", "status", "cancellation_stage", "messages", "metadata"),
    *("additional_input", "reasoning_messages", "reasoning_steps", "references", "followups"),
    *("images", "videos", "audio", "files", "response_audio", "citations", "tools"),
    *("requirements", "input"),
)

#: Those of them that are written here.
_USUAL = {"metrics", "status", "messages", "metadata", "input"}

_UNUSUAL = tuple(name for name in _CALLED if name not in _USUAL)

#: The fields that Agno writes as they are. Where a status stands among them, it stays.
_PLAIN = tuple(
    field.name for field in fields(RunOutput) if field.name not in {*_CALLED} - {"status"}
)

#: The fields of a message that Agno writes as they are, in its order, and those with a call.
_OF_MESSAGE = (
    *("id", "content", "reasoning_content", "from_history", "compressed_content"),
    *("stop_after_tool_call", "role", "name", "tool_call_id", "tool_name", "tool_args"),
    *("tool_call_error", "tool_calls", "redacted_reasoning_content", "provider_data"),
    *("checkpoint_status", "checkpoint_created_at"),
)
_MEDIA = ("images", "audio", "videos", "files", "audio_output", "references")

_METRICS = tuple(field.name for field in fields(RunMetrics) if field.name != "timer")
_MESSAGE_METRICS = tuple(field.name for field in fields(MessageMetrics) if field.name != "timer")
_MODEL_METRICS = tuple(field.name for field in fields(ModelMetrics))


def session_columns(session: AnySession) -> dict[str, Any]:
    """The columns of a session that each turn writes anew, those with JSON as text."""
    kind = type_of(session)
    names = (f"{kind}_data", "session_data", "summary", "metadata")
    usual = type(session) is AgentSession and session.summary is None
    row = vars(session) if usual else session_row(session)
    try:
        data = {name: _encode(row.get(name)) for name in names}
    except TypeError:  # it has more than JSON has
        row = session_row(session)
        data = {name: json_serializer(row.get(name)) for name in names}
    return {f"{kind}_id": row.get(f"{kind}_id"), "user_id": row.get("user_id"), **data}


def run_columns(found: RunRow) -> dict[str, Any]:
    """The columns of a run, its data as text."""
    run = found.run
    data = _run_data(run) if type(run) is RunOutput else None
    try:
        text = None if data is None else _encode(data)
    except TypeError:  # as above
        text = None
    given = run if text is None else data
    row = build_single_run_row(given, found.session_id, found.user_id, found.index)
    if text is None:
        text = json_serializer(row["run_data"])
    return {**row, "run_type": get_run_type(run), "run_data": text}


def _run_data(run: RunOutput) -> dict[str, Any] | None:
    """The same as `run.to_dict()`; None for a run that has unusual things."""
    values = vars(run)
    plain = isinstance(run.content, str | None)
    if not plain or any(values[name] is not None for name in _UNUSUAL):
        return None
    data = {name: value for name in _PLAIN if (value := values[name]) is not None}
    if run.metrics is not None:
        data["metrics"] = _metrics(run.metrics)
    data["status"] = getattr(run.status, "value", run.status)
    if run.messages is not None:
        data["messages"] = [_message(message) for message in run.messages]
    if run.metadata is not None:
        data["metadata"] = run.metadata
    if run.input is not None:
        data["input"] = run.input.to_dict()
    return data


def _message(message: Message) -> dict[str, Any]:
    """The same as `message.to_dict()`."""
    values = vars(message)
    if type(message) is not Message or any(values[name] for name in _MEDIA):
        return message.to_dict()
    if type(message.metrics) is not MessageMetrics:
        return message.to_dict()
    data = {
        name: value
        for name in _OF_MESSAGE
        if (value := values[name]) is not None and (value or not isinstance(value, list | dict))
    }
    if metrics := _numbers({name: getattr(message.metrics, name) for name in _MESSAGE_METRICS}):
        data["metrics"] = metrics
    data["created_at"] = message.created_at
    return data


def _metrics(metrics: Any) -> Any:
    if type(metrics) is not RunMetrics:
        return metrics.to_dict() if isinstance(metrics, RunMetrics) else metrics
    values = vars(metrics)
    found = {name: values[name] for name in _METRICS}
    if metrics.details is not None:
        found["details"] = {
            kind: [_model_metrics(each) for each in models]
            for kind, models in metrics.details.items()
        }
    return _numbers(found)


def _numbers(found: dict[str, Any]) -> dict[str, Any]:
    """What metrics write of their values: neither whole zeros nor what is empty."""
    return {
        name: value
        for name, value in found.items()
        if value is not None and (value or isinstance(value, float | str))
    }


def _model_metrics(metrics: Any) -> dict[str, Any]:
    return {
        name: value
        for name in _MODEL_METRICS
        if (value := getattr(metrics, name)) is not None
        and (not isinstance(value, int) or value != 0)
    }


def _refuse(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} is no JSON")


_encode = json.JSONEncoder(default=_refuse).encode
