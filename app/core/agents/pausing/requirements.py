"""What a run of Agno waits for at its pause, as its last chunk lists it."""

import json

from ....models.chat import Requirement
from ...question import ClientCall
from ..events.reader import EventReader
from ..runner import Runner
from ..storage.sessions import Session
from .waits import shown


async def requirements_of(
    runner: Runner, reader: EventReader, session: Session, *, kept: bool
) -> list[Requirement]:
    """What a run waits for, after the calls that the client must make; empty if it does not wait
    for a person."""
    calls = runner.models.leader.answering.client_calls if runner.models is not None else []
    for call in calls if reader.pause is not None else []:
        reader.call(call)
    theirs = {call.id for call in calls}
    waits = await runner.waits(reader)
    others = [w for w in waits if w.tool is None or w.tool.tool_call_id not in theirs]
    for wait in others:
        if (tool := wait.shown.tool) is not None and wait.shown.kind == "external":
            reader.call(ClientCall(tool.id, tool.name, json.dumps(tool.arguments)))
    answered = all(wait.shown.kind == "external" for wait in others)
    if not others or (answered and not kept):
        return []  # the client sends the results as messages of its next question
    await runner.keep(session)
    return shown(waits)
