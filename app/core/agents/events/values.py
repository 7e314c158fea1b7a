"""Values of Agno as parts of chunks: text, tools, usage, citations; bounded, and valid JSON."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from agno.models.response import ToolExecution
from pydantic import BaseModel

from ....models.chat import Citation, ToolCall, Usage
from ...providers.client_tools import parsed
from ...question import ClientCall
from ...text import replace_lone_surrogates

#: Bytes of one chunk, at most. A character has up to six in JSON, so texts are cut at a part of it.
CHUNK_BYTES = 256 << 10

#: Characters of one text in a chunk: of a tool's result, of an answer that comes at once.
TEXT_CHARS = 40_000

#: Fields that every event of Agno has, which are not the data of a custom event.
COMMON = frozenset(
    {
        *("created_at", "event", "event_index", "agent_id", "agent_name", "team_id", "team_name"),
        *("workflow_id", "workflow_name", "run_id", "parent_run_id", "session_id", "tools"),
        *("workflow_run_id", "step_id", "step_name", "step_index", "parent_step_id"),
        *("nested_depth", "tool_call_id"),
    }
)

#: Keys that Agno adds to every session state for its own templates.
AGNO_STATE = ("current_user_id", "current_session_id", "current_run_id")


def text_of(content: Any) -> str:
    """The content of a run as text: as it is, or as JSON if it is an object."""
    if content is None:
        return ""
    if isinstance(content, str):
        return replace_lone_surrogates(str(content))
    if isinstance(content, BaseModel):
        return replace_lone_surrogates(content.model_dump_json())
    return replace_lone_surrogates(msgspec.json.encode(content, enc_hook=_odd).decode())


def plain(value: Any) -> Any:
    """A value of Python's as a JSON value without lone surrogates; other objects become text."""
    text = json.dumps(msgspec.to_builtins(value, enc_hook=_odd), ensure_ascii=False)
    return json.loads(replace_lone_surrogates(text))


def fits(value: Any) -> bool:
    """Whether a JSON value is small enough to stand in a chunk, with others beside it."""
    return len(msgspec.json.encode(value)) <= CHUNK_BYTES // 3


def pieces(text: str) -> Iterator[str]:
    """A text in parts that a chunk can hold."""
    for start in range(0, len(text), TEXT_CHARS):
        yield text[start : start + TEXT_CHARS]


def shortened(text: str) -> str:
    """A text that a chunk can hold; what is left out is counted."""
    more = len(text) - TEXT_CHARS
    return text if more <= 0 else f"{text[:TEXT_CHARS]}\n[{more} more characters]"


def tool_call(kind: str, tool: ToolExecution) -> ToolCall:
    """The state of a tool call that an event of Agno reports."""
    started = kind.endswith("Started")
    arguments = plain(tool.tool_args)
    return ToolCall(
        id=replace_lone_surrogates(tool.tool_call_id or ""),
        name=replace_lone_surrogates(tool.tool_name or ""),
        status="started" if started else "failed" if tool.tool_call_error else "completed",
        arguments=arguments if fits(arguments) else None,
        result=None if started or tool.result is None else shortened(text_of(tool.result)),
    )


def client_call(call: ClientCall) -> ToolCall:
    """A tool call that the client must execute."""
    return ToolCall(
        id=replace_lone_surrogates(call.id),
        name=replace_lone_surrogates(call.name),
        status="paused",
        arguments=plain(parsed(call.arguments)),
        arguments_text=replace_lone_surrogates(call.arguments),
        provider_data=_provider_data(call),
    )


def _provider_data(call: ClientCall) -> dict[str, Any] | None:
    """What the provider wants back with a call, if it fits into a chunk."""
    parts = {"call": call.extra, "message": call.message}
    found = plain({name: part for name, part in parts.items() if part})
    return found if found and fits(found) else None


def unknown_call(call: dict[str, Any]) -> ToolCall:
    """A call of a tool that does not exist."""
    written = call.get("function") or {}
    name = replace_lone_surrogates(str(written.get("name") or ""))
    return ToolCall(
        id=replace_lone_surrogates(str(call.get("id") or "")),
        name=name,
        status="failed",
        arguments=plain(parsed(str(written.get("arguments") or "{}"))),
        result=f"There is no tool {name!r}.",
    )


def data_of(event: Any) -> dict[str, Any]:
    """The fields of an event that are its own."""
    own = {k: v for k, v in vars(event).items() if k not in COMMON and v is not None}
    data: dict[str, Any] = plain(own)
    return data


def state_of(state: Any) -> dict[str, Any] | None:
    """The session state of an application, without what Agno adds; None if it has none."""
    own = {key: value for key, value in (state or {}).items() if key not in AGNO_STATE}
    return plain(own) if own else None


def citations_of(citations: Any) -> list[Citation]:
    """The citations of a provider, as Agno collects them."""
    found = [
        Citation("url", url=_text(url.url), title=_text(url.title))
        for url in getattr(citations, "urls", None) or []
    ]
    found += [
        Citation("document", title=_text(doc.document_title), text=_short(doc.cited_text))
        for doc in getattr(citations, "documents", None) or []
    ]
    return found


def references_of(references: Any) -> list[Citation]:
    """What was found in the knowledge base and given to the model."""
    found = []
    for search in references or []:
        for document in search.references or []:
            fields = document if isinstance(document, dict) else {"content": document}
            found.append(
                Citation(
                    "reference",
                    title=_text(fields.get("name")),
                    text=_short(fields.get("content")),
                    query=_short(search.query),
                )
            )
    return found


def usage_of(metrics: Any) -> Usage | None:
    """The usage of a whole run; None if nothing was counted."""
    if not getattr(metrics, "total_tokens", None):  # those of a workflow have none
        return None
    return Usage(
        input_tokens=metrics.input_tokens or 0,
        output_tokens=metrics.output_tokens or 0,
        total_tokens=metrics.total_tokens,
        reasoning_tokens=metrics.reasoning_tokens or 0,
        cached_tokens=metrics.cache_read_tokens or 0,
    )


def _text(value: Any) -> str | None:
    return None if value is None else replace_lone_surrogates(str(value))[:2000]


def _short(value: Any) -> str | None:
    return None if value is None else replace_lone_surrogates(str(value))[:500]


def _odd(value: Any) -> Any:
    """What msgspec cannot encode: a pydantic model as its fields, anything else as text."""
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)
