"""What speaks A2A, on an AgentOS or on any other server, answers here as it does there."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.apps import A2AStarletteApplication
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, Part, TaskState, TextPart
from a2a.utils import new_agent_text_message, new_task
from agno.agent import RemoteAgent

from tests.applications.test_external import REMOTE, agent_os
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Served, Server
from tests.streaming.reader import ask, chunks

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Agno closes no models

#: The protocol has no members: what they say is a part of the answer.
SPOKEN = {"crew": "Blue.The crew says: blue."}


class Far(AgentExecutor):
    """An agent behind the official SDK of the protocol: what it does is the question."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        word = context.get_user_input()
        if "whole" in word:  # an answer without a task
            await event_queue.enqueue_event(new_agent_text_message("I am far away."))
            return
        if "raise" in word:
            raise RuntimeError("no such luck")
        assert context.message is not None
        task = new_task(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        for text in ("I am ", "far away."):
            part = Part(root=TextPart(text=text))
            await updater.add_artifact([part], artifact_id="text", append=text != "I am ")
        message = new_agent_text_message("out of ink")
        if "fail" in word:
            await updater.failed(message)
        elif "reject" in word:
            await updater.reject(message)
        elif "cancel" in word:
            await updater.cancel()
        elif "ask" in word:
            await updater.update_status(TaskState.input_required, message, final=True)
        else:
            await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


@contextmanager
def sdk_server() -> Iterator[str]:
    """The URL of a server made with the protocol's own SDK; JSON-RPC."""
    card = AgentCard(
        name="Far",
        description="Is far away.",
        url="http://127.0.0.1/",
        version="1",
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text"],
        default_output_modes=["text"],
        skills=[],
    )
    handler = DefaultRequestHandler(Far(), InMemoryTaskStore())
    with Served(A2AStarletteApplication(card, handler).build()) as served:
        yield served.url


@pytest.mark.parametrize(("kind", "name", "replies", "content"), REMOTE, ids=lambda v: str(v)[:24])
async def test_component_on_an_agent_os_does_not_answer(
    provider: Provider,
    tmp_path: Path,
    kind: Any,
    name: str,
    replies: dict[str, list[Reply]],
    content: str,
) -> None:
    """An agent, a team and a workflow of an AgentOS stream over A2A, and are stored here."""
    for model, row in replies.items():
        provider.script_model(model, *row)
    noun = kind.__name__.removeprefix("Remote").lower()
    with agent_os(provider) as url:
        address = f"{url}/a2a/{noun}s/{name}"
        remote = kind(base_url=address, protocol="a2a", **{f"{noun}_id": name})
        with Server(tmp_path, agents=[remote]) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
                async with ask(http, agent=name, conversation_id="c") as source:
                    got = [chunk async for chunk in chunks(source)]
                stored = (await http.get("/api/v1/conversations/c")).json()

    content = SPOKEN.get(name, content)
    assert ("stop", True) == (got[-1]["finish_reason"], got[-1]["done"])
    assert content == "".join(chunk["content"] for chunk in got)
    assert content == stored["messages"][-1]["content"]


ENDINGS = [
    ("Hello?", "I am far away.", "stop", None),
    ("whole", "I am far away.", "stop", None),
    ("fail", "I am far away.", "error", "The remote agent's task failed: out of ink"),
    ("reject", "I am far away.", "error", "The remote agent's task rejected: out of ink"),
    ("cancel", "I am far away.", "cancelled", "cancelled on its server"),
    ("ask", "I am far away.", "error", "cannot be answered from here: out of ink"),
    ("raise", "", "upstream_cut", "The connection to the server of 'far' was lost"),
]


async def test_endings_of_another_server_are_lost(tmp_path: Path) -> None:
    """Each ending of a task on a server of the protocol's own SDK is the ending of the run here."""
    with sdk_server() as url:
        remote = RemoteAgent(base_url=url, agent_id="far", protocol="a2a", a2a_protocol="json-rpc")
        with Server(tmp_path, agents=[remote]) as server:
            async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
                got = await asyncio.gather(*(_answer(http, word) for word, *_ in ENDINGS))

    for (word, content, reason, message), answer in zip(ENDINGS, got, strict=True):
        assert (word, content, reason) == (word, *answer[:2])
        assert (message or "") in (answer[2] or "")
        assert (message is None) == (answer[2] is None)


async def _answer(http: httpx.AsyncClient, word: str) -> tuple[str, str, str | None]:
    """Content, finish reason and error message of an answer."""
    async with ask(http, word, agent="far") as source:
        got = [chunk async for chunk in chunks(source)]
    error = (got[-1].get("error") or {}).get("message")
    return "".join(chunk["content"] for chunk in got), got[-1]["finish_reason"], error
