"""Second answers that Agno has not stored: from the log of a process that died, or late."""

from typing import Any

import pytest
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.team import Team
from agno.workflow import Workflow

from app.core.agents.storage.conversations import Conversations
from app.core.agents.storage.sessions import Session

SESSION = Session("c", "anonymous")
KINDS: dict[str, Any] = {
    "agent": Agent,
    "team": lambda **fields: Team(members=[], **fields),
    "workflow": Workflow,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gone", [False, True], ids=["in its place", "its place is gone"])
async def test_a_turn_from_a_log_has_its_place(kind: str, gone: bool) -> None:
    """What a process that died had written of a second answer is a version of the turn; if that is
    deleted, it stands behind the last one."""
    component = KINDS[kind](id="a", db=InMemoryDb(), telemetry=False)  # type: ignore[no-untyped-call]
    conversations = Conversations([component.db], lambda agent: component)

    async def store(run_id: str, question: str, answer: str, replaces: str | None = None) -> None:
        keeping = conversations.keeping(component, SESSION, run_id, question, replaces)
        assert await keeping.remember(answer, "interrupted", begun=False)

    await store("1", "q1", "a1")
    await store("2", "q2", "a2")
    await store("3", "q1", "one two ", replaces="none" if gone else "1")
    await store("4", "q4", "a4")
    found = (await conversations.get("c", "anonymous")).messages
    texts = [message.content for message in found]
    if gone:
        assert ["q1", "a1", "q2", "a2", "q1", "one two ", "q4", "a4"] == texts
        assert not any(message.siblings for message in found)
    else:
        assert ["q1", "one two ", "q4", "a4"] == texts
        assert [["1", "3"], ["1", "3"], [], []] == [message.siblings for message in found]
