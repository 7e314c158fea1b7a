"""The sessions of Agno's stores: those of agents, of teams and of workflows, in one form.

See docs/decisions/019-session-ids-carry-the-principal.md.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from agno.run.agent import RunInput, RunOutput
from agno.run.team import TeamRunInput, TeamRunOutput
from agno.run.workflow import WorkflowRunOutput
from agno.session import AgentSession, TeamSession, WorkflowSession

from ...access.keys import ANONYMOUS
from ..components.late import Team, Workflow
from .proxies.proxy import Db, off_the_loop

AnySession = AgentSession | TeamSession | WorkflowSession
AnyRun = RunOutput | TeamRunOutput | WorkflowRunOutput

RUNS = (RunOutput, TeamRunOutput, WorkflowRunOutput)


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation of an owner: the principal, or one of the end users of a principal.

    Agno's session ids are unique across users. So the id contains the owner; else the second owner
    of the same conversation id could store nothing. It is `new` to the run that has got an id made
    for it: no store can have it yet.
    """

    conversation_id: str
    owner: str
    new: bool = field(default=False, compare=False)

    @property
    def id(self) -> str:
        if self.owner == ANONYMOUS:
            return self.conversation_id
        return f"{self.owner}/{self.conversation_id}"


def owner_of(principal: str, user: str | None) -> str:
    """The user of Agno's for a request; names of principals contain no slash."""
    return principal if user is None else f"{principal}/{user}"


def conversation_of(session: AnySession) -> str:
    return session.session_id.removeprefix(f"{session.user_id}/")


async def find_session(db: Db, session: Session) -> AnySession | None:
    """The stored session, of whatever type; None if there is none."""
    row = await off_the_loop(db).get_session(
        session_id=session.id, user_id=session.owner, deserialize=False
    )
    return session_from(row)


def session_from(row: Any) -> AnySession | None:
    """A session from a row of a store, by its type."""
    if not isinstance(row, dict):
        return row if isinstance(row, AgentSession | TeamSession | WorkflowSession) else None
    kind = str(getattr(row.get("session_type"), "value", row.get("session_type")) or "")
    if kind == "team" or (not kind and row.get("team_id")):
        return TeamSession.from_dict(row)
    if kind == "workflow" or (not kind and row.get("workflow_id")):
        return WorkflowSession.from_dict(row)
    return AgentSession.from_dict(row)


def new_session(component: Any, session: Session) -> AnySession:
    """An empty session of the type that a component stores its runs in."""
    now = int(time.time())
    common: dict[str, Any] = {
        "session_id": session.id,
        "user_id": session.owner,
        "session_data": {},
        "created_at": now,
        "updated_at": now,
    }
    name = getattr(component, "name", None)
    if isinstance(component, Team):
        data = {"team_id": component.id, "name": name}
        return TeamSession(**common, team_id=component.id, team_data=data)
    if isinstance(component, Workflow):
        data = {"workflow_id": component.id, "name": name}
        return WorkflowSession(**common, workflow_id=component.id, workflow_data=data)
    data = {"agent_id": component.id, "name": name}
    return AgentSession(**common, agent_id=component.id, agent_data=data)


def new_run(component: Any, session: Session, run_id: str, question: str) -> AnyRun:
    """An empty run of a component."""
    common: dict[str, Any] = {
        "run_id": run_id,
        "session_id": session.id,
        "user_id": session.owner,
    }
    model = getattr(getattr(component, "model", None), "id", None)
    name = getattr(component, "name", None)
    if isinstance(component, Workflow):
        return WorkflowRunOutput(
            **common, workflow_id=component.id, workflow_name=name, input=question
        )
    if isinstance(component, Team):
        given = TeamRunInput(input_content=question)
        return TeamRunOutput(
            **common, team_id=component.id, team_name=name, model=model, input=given
        )
    return RunOutput(
        **common,
        agent_id=component.id,
        agent_name=name,
        model=model,
        input=RunInput(input_content=question),
    )
