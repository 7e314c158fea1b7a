"""The calls of the client that are one request and its response."""

from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from agno_stream import requests
from agno_stream.config import Config
from agno_stream.infos import AgentInfo, Conversation, ModelInfo, RunInfo, from_json
from agno_stream.parts import Media
from agno_stream.requests import CHAT, Call, Question, QuestionOptions, Request, run_path
from agno_stream.types import ModelResponse

CONVERSATIONS = "/api/v1/conversations"


def generate_request(question: Question) -> Call[ModelResponse]:
    """Return the call for a complete answer, of which no byte arrives until the answer is
    complete."""
    request = Request("POST", CHAT, json=question.body, patience=question.limits.total)
    return Call(request, ModelResponse.from_json)


def run(run_id: str, patience: float = 30.0) -> Call[ModelResponse]:
    return Call(Request("GET", run_path(run_id), patience=patience), ModelResponse.from_json)


def cancel(run_id: str, patience: float = 30.0) -> Call[ModelResponse]:
    request = Request("POST", f"{run_path(run_id)}/cancel", patience=patience)
    return Call(request, ModelResponse.from_json)


def models() -> Call[list[ModelInfo]]:
    return Call(
        Request("GET", "/api/v1/models"),
        lambda data, _: [from_json(ModelInfo, one) for one in data["models"]],
    )


def agents() -> Call[list[AgentInfo]]:
    return Call(
        Request("GET", "/api/v1/agents"),
        lambda data, _: [from_json(AgentInfo, one) for one in data["agents"]],
    )


def runs(conversation_id: str | None, status: str | None) -> Call[list[RunInfo]]:
    given = {"conversation_id": conversation_id, "status": status}
    params = {name: value for name, value in given.items() if value is not None}
    return Call(
        Request("GET", "/api/v1/runs", params=params),
        lambda data, _: [from_json(RunInfo, one) for one in data["runs"]],
    )


def conversations(
    limit: int, offset: int, before: str | None, query: str | None
) -> Call[list[Conversation]]:
    given = {"limit": limit, "offset": offset or None, "before": before, "q": query}
    params = {name: value for name, value in given.items() if value is not None}

    def parse(data: Any, _: int) -> list[Conversation]:
        pinned = data.get("pinned", [])
        others = [one for one in data["conversations"] if one not in pinned]
        return [from_json(Conversation, one) for one in (*pinned, *others)]

    return Call(Request("GET", CONVERSATIONS, params=params), parse)


def conversation(conversation_id: str) -> Call[Conversation]:
    def parse(data: Any, _: int) -> Conversation:
        found: Conversation = from_json(Conversation, {"messages": data["messages"], **data})
        return found

    return Call(Request("GET", _path(conversation_id)), parse)


def rename_conversation(conversation_id: str, title: str) -> Call[Conversation]:
    return _change(conversation_id, {"title": title})


def pin_conversation(conversation_id: str, pinned: bool) -> Call[Conversation]:
    return _change(conversation_id, {"pinned": pinned})


def _change(conversation_id: str, body: dict[str, Any]) -> Call[Conversation]:
    def parse(data: Any, _: int) -> Conversation:
        found: Conversation = from_json(Conversation, data)
        return found

    return Call(Request("PATCH", _path(conversation_id), json=body), parse)


def again(config: Config, run_id: str, prompt: str | None, options: QuestionOptions) -> Question:
    """Return the question of a turn, to be answered once more, or another one in its place."""
    question = requests.question(config, prompt or "", options)
    body = {**question.body}
    if prompt is None:
        del body["message"]
    if options.get("agent") is None:
        body.pop("agent", None)  # that of the turn
    verb = "regenerate" if prompt is None else "edit"
    return replace(question, body=body, path=f"{run_path(run_id)}/{verb}")


def select_branch(conversation_id: str, run_id: str) -> Call[Conversation]:
    shown = conversation(conversation_id)
    request = Request("POST", f"{_path(conversation_id)}/branch", json={"run_id": run_id})
    return Call(request, shown.parse)


def fork_conversation(
    conversation_id: str, run_id: str | None, title: str | None
) -> Call[Conversation]:
    given = {"run_id": run_id, "title": title}
    body = {name: value for name, value in given.items() if value is not None}

    def parse(data: Any, _: int) -> Conversation:
        found: Conversation = from_json(Conversation, data)
        return found

    return Call(Request("POST", f"{_path(conversation_id)}/fork", json=body), parse)


def export_conversation(conversation_id: str, form: Literal["md", "json"]) -> Call[str]:
    path = f"{_path(conversation_id)}/export"
    request = Request("GET", path, params={"format": form}, accept="*/*")
    return Call(request, lambda data, _: str(data, "utf-8"), binary=True)


def delete_conversation(conversation_id: str) -> Call[None]:
    return Call(Request("DELETE", _path(conversation_id)), lambda *_: None)


def download(item: Media) -> Call[bytes]:
    """Return the call for the bytes of media; raises `ValueError` for those of another server,
    which must not get the key of this one."""
    if not item["url"].startswith("/"):
        raise ValueError(f"These media are at another server: {item['url']}")
    # Below the path of `Config.url`: the server may know itself at another one, behind a proxy.
    path = item["url"][max(item["url"].find("/api/v1/"), 0) :]
    request = Request("GET", path, accept="*/*")
    return Call(request, lambda data, _: bytes(data), binary=True)


def _path(conversation_id: str) -> str:
    return f"{CONVERSATIONS}/{quote(conversation_id, safe='')}"
