"""The runner of agents of other frameworks, and of what runs on other servers."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..question import Question
from .components.external import FURTHER, External, failure_of
from .components.kinds import Caller
from .events.reader import EventReader
from .pausing.waits import Wait
from .run_models import RunModels
from .runner import Emit, Runner

logger = logging.getLogger(__name__)

#: Seconds to cancel a run on another server.
CANCEL_TIMEOUT = 2.0


class ExternalRunner(Runner):
    """Runs what has an `arun` like an agent's: an agent of another framework or server.

    It has no place for a history, which is written before the question, as Agno does for them.
    """

    kind = "external"

    def __init__(
        self,
        component: External,
        question: Question,
        caller: Caller,
        run_id: str,
        *,
        models: RunModels | None,
    ) -> None:
        mine = component if question.kept else component.stored_in(None)
        super().__init__(mine, question, caller, run_id, models=models)

    async def waits(self, reader: EventReader) -> list[Wait]:
        """Nothing: whatever such a run waits for, it cannot be continued from here."""
        return []

    def reader(self, model: str, emit: Emit) -> EventReader:
        return EventReader(self._run_id, model, emit, team=self.component.remote == "team")

    async def events(self) -> AsyncGenerator[Any]:
        return self._events()

    async def _events(self) -> AsyncGenerator[Any]:
        """The events of the run, under the run's own id; some yield their whole output, too, which
        is none. Raises `RunFailed` for what is known of their errors."""
        fields = {**self._common(), **self._further()}
        taken = {n: value for n, value in fields.items() if not self.component.lacks(n)}
        theirs: str | None = None  # the id of the run where it runs
        # Over A2A all events are of the one run, whose id changes as its server names the task.
        flat = getattr(self.component.thing, "a2a_client", None) is not None
        ended = False
        try:
            found: Any = self.component.thing.arun(self._input.transcript(), **taken)
            async with aclosing(found) as events:
                async for event in events:
                    if not hasattr(event, "event"):
                        continue
                    theirs = (event.run_id or theirs) if flat else (theirs or event.run_id)
                    _rename(event, theirs, self._run_id)
                    yield event
            ended = True
        except Exception as error:
            ended = True
            failure = failure_of(self.component, error)
            if failure is None:
                raise
            raise failure from error
        finally:
            if not ended and theirs is not None and self.component.remote is not None:
                await self._cancel(theirs)

    async def _cancel(self, run_id: str) -> None:
        """Cancel the run on its server, which goes on without a reader otherwise."""
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT):
                await self.component.thing.acancel_run(run_id)
        except Exception as error:  # of its server, or of the way to it
            logger.info("run %s goes on at its server: %s", run_id, error)

    def _further(self) -> dict[str, Any]:
        given = {name: getattr(self._question, name) for name in FURTHER}
        return {name: value for name, value in given.items() if value is not None}


def _rename(event: Any, theirs: str | None, ours: str) -> None:
    """Give an event of a run on another server the id that the run has here."""
    for name in ("run_id", "parent_run_id", "workflow_run_id"):
        if getattr(event, name, None) == theirs:
            setattr(event, name, ours)
