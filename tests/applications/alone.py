"""What an application answers on Agno alone, without a server."""

import inspect
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from agno.agent import Agent
from agno.factory import BaseFactory, RequestContext
from agno.media import Image
from agno.run.base import RunStatus
from agno.team import Team
from agno.workflow import Workflow
from pydantic import BaseModel

from tests.applications.kind import Kind
from tests.provider import Provider

COMPLETED = ("RunCompleted", "TeamRunCompleted", "WorkflowCompleted")
FAILED = ("RunError", "TeamRunError", "WorkflowError")
USER = "anonymous"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run of Agno ended: its content as JSON values, and the requests to its model."""

    content: Any
    failed: bool
    requests: int


async def run_alone(
    kind: Kind, provider: Provider, application: Any, *, stream: bool, replies: Any = None
) -> Outcome:
    """Run all turns of a kind in a session of its own, and return how the last one ended.

    Closes the application's store.
    """
    session = uuid4().hex
    for turn in kind.earlier:
        kind.script(provider, turn.replies)
        await _run(application, turn.question, session, stream=stream)
    kind.script(provider, replies)
    since = provider.opened
    content, failed = await _run(
        application, kind.question, session, stream=stream, pictures=kind.pictures
    )
    requests = len(kind.bodies(provider, since))
    if application.db is not None:
        closing = application.db.close()
        await closing if inspect.isawaitable(closing) else None
    return Outcome(_plain(content), failed, requests)


async def _run(
    application: Any,
    question: str,
    session: str,
    *,
    stream: bool,
    pictures: tuple[bytes, ...] = (),
) -> tuple[Any, bool]:
    runs: Any = await resolved(application, session)
    images = [Image(content=content, mime_type="image/png") for content in pictures] or None
    fields: dict[str, Any] = {"session_id": session, "user_id": USER, "images": images}
    try:
        found = runs.arun(question, stream=stream, stream_events=stream, **fields)
    except ValueError:  # the question does not fit into the schema of the input
        return None, True
    if not stream:
        output = await found
        return output.content, output.status != RunStatus.completed
    events = found
    last = [event async for event in _events(events) if event.event in (*COMPLETED, *FAILED)][-1]
    return getattr(last, "content", None), last.event in FAILED


async def resolved(application: Any, session: str) -> Agent | Team | Workflow:
    """The object that runs: a factory makes one for each request."""
    if isinstance(application, BaseFactory):
        context = RequestContext(user_id=USER, session_id=session)
        kinds: Any = (Agent, Team, Workflow)
        made: Agent | Team | Workflow = await application.resolve_async(context, kinds)
        return made
    assert isinstance(application, Agent | Team | Workflow)
    return application


async def _events(events: Any) -> AsyncIterator[Any]:
    async with aclosing(events):
        async for event in events:
            yield event


def _plain(content: Any) -> Any:
    """Text as it is, objects as JSON values."""
    if isinstance(content, BaseModel):
        return json.loads(content.model_dump_json())
    return content
