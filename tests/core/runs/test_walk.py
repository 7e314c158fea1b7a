"""Runs of two processes walk through the table of states, over the real journals."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from app.core.log.journal import Entry, Group, RunRecord
from app.core.log.journals.sqlite import SqliteJournal
from app.core.runs.states import CLOSED, TRANSITIONS, Life, State
from app.models.chat import StreamingChunk
from app.models.numbers import Recovery
from tests.core.parts import ending, record, text_chunk

PAUSED = StreamingChunk(content="", done=True, model="m", finish_reason="paused")
OWNERS = ("one", "two")


class Walk(RuleBasedStateMachine):
    """Each run of the model has a `Life`; the journal must tell the same of it."""

    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "runs.db"
        self._journals = {owner: SqliteJournal(file) for owner in OWNERS}
        for owner, journal in self._journals.items():
            self._do(journal.open(owner))
        self.lives: dict[str, Life] = {}
        self.owners: dict[str, str] = {}
        self.lengths: dict[str, int] = {}
        self.continued: dict[str, str] = {}
        self.checkpoints: dict[str, str] = {}
        self.recoveries: dict[str, list[Recovery]] = {}

    def _do(self, call: Any) -> Any:
        return self._loop.run_until_complete(call)

    def teardown(self) -> None:
        for journal in self._journals.values():
            self._do(journal.close())
        self._loop.close()
        self._folder.cleanup()

    def _record(self, run_id: str, owner: str, continues: str | None = None) -> RunRecord:
        known = msgspec.structs.replace(record(run_id), owner=owner, principal="ann")
        recoveries = tuple(self.recoveries.get(run_id, ()))
        return msgspec.structs.replace(known, continues=continues, recoveries=recoveries)

    def _append(self, run_id: str, chunk: StreamingChunk) -> bool:
        """Whether the owner of a run could append a chunk to its log."""
        owner = self.owners[run_id]
        entries: list[Entry] = [(1.0, chunk)]
        group = Group(self._record(run_id, owner), self.lengths[run_id] + 1, entries)
        lost = self._do(self._journals[owner].append([group]))
        self.lengths[run_id] += not lost
        return not lost

    @rule(target=runs, owner=st.sampled_from(OWNERS))
    def create(self, owner: str) -> str:
        return self._created(owner, None)

    def _created(self, owner: str, continues: str | None) -> str:
        run_id = f"r{len(self.lives)}"
        waits = continues is None or self.lives[continues].state is State.PAUSED
        made = self._do(self._journals[owner].create(self._record(run_id, owner, continues))).new
        assert waits == made
        if continues is not None and not made:
            return continues
        if continues is not None:
            self.lives[continues].enter(State.ENDED)
            self.continued[continues] = run_id
        self.lives[run_id], self.owners[run_id], self.lengths[run_id] = Life(), owner, 0
        return run_id

    @rule(target=runs, run_id=runs, owner=st.sampled_from(OWNERS))
    def decide(self, run_id: str, owner: str) -> str:
        """A decision at any process continues a run if, and only if, it is paused."""
        return self._created(owner, run_id)

    @rule(run_id=runs, state=st.sampled_from([State.RUNNING, State.STOPPING]))
    def go_on(self, run_id: str, state: State) -> None:
        if self.lives[run_id].may(state):
            self.lives[run_id].enter(state)
            assert self._append(run_id, text_chunk("."))

    @rule(run_id=runs, state=st.sampled_from(sorted(CLOSED)))
    def close(self, run_id: str, state: State) -> None:
        life = self.lives[run_id]
        if life.state in CLOSED:
            assert not self._append(run_id, ending())
        elif life.may(state):
            life.enter(state)
            assert self._append(run_id, PAUSED if state is State.PAUSED else ending())

    @rule(run_id=runs, data=st.text("ab", max_size=2))
    def checkpoint(self, run_id: str, data: str) -> None:
        """The owner of an active run keeps its checkpoints, and nobody else."""
        active = self.lives[run_id].state not in CLOSED
        for owner in (self.owners[run_id], OWNERS[self.owners[run_id] == OWNERS[0]]):
            journal = self._journals[owner]
            kept = self._do(journal.keep_checkpoint(self._record(run_id, owner), data))
            assert kept == (active and owner == self.owners[run_id])
        if active:
            self.checkpoints[run_id] = data

    @rule(run_id=runs, goes_on=st.booleans())
    def recover(self, run_id: str, goes_on: bool) -> None:
        """The process of a run dies, and comes back under the same name for the others' sake; the
        other one has taken its runs over, and ends them or goes on with them."""
        dead = self.owners[run_id]
        other = OWNERS[dead == OWNERS[0]]
        self._do(self._journals[dead].close())
        adopted = {found.run_id for found in self._do(self._journals[other].adopt_orphans())}
        live = {r for r, life in self.lives.items() if life.state not in CLOSED}
        assert {r for r in live if self.owners[r] == dead} == adopted
        for found in adopted:
            self.owners[found] = other
            self.lives[found].enter(State.RECOVERED)
            if goes_on:
                self._go_on_with(found)
            else:
                self.lives[found].enter(State.ENDED)
                assert self._append(found, ending())
        file = Path(self._folder.name) / "runs.db"
        self._journals[dead] = SqliteJournal(file)
        self._do(self._journals[dead].open(dead))

    def _go_on_with(self, run_id: str) -> None:
        """Append the chunk that says so, with the record that knows of it."""
        known = self.recoveries.setdefault(run_id, [])
        known.append(Recovery(self.lengths[run_id] + 1, self.lengths[run_id]))
        self.lives[run_id].enter(State.RUNNING)
        assert self._append(run_id, text_chunk(""))

    @invariant()
    def the_journal_agrees(self) -> None:
        for journal in self._journals.values():
            paused = {run.run_id for run in self._do(journal.list_paused("ann"))}
            assert {r for r, life in self.lives.items() if life.state is State.PAUSED} == paused
            active = {run.run_id for run in self._do(journal.list_active("ann"))}
            assert {r for r, life in self.lives.items() if life.state not in CLOSED} == active
            for run_id, by in self.continued.items():
                assert by == self._do(journal.continued_by(run_id))
            for run_id, life in self.lives.items():
                stored = self._do(journal.record(run_id))
                assert stored is not None
                assert self.owners[run_id] == stored.owner
                assert [*stored.recoveries] == self.recoveries.get(run_id, [])
                kept = "" if life.state in CLOSED else self.checkpoints.get(run_id, "")
                assert kept == self._do(journal.checkpoint(run_id))
        for life in self.lives.values():
            for before, after in zip(life.path, life.path[1:], strict=False):
                assert after in TRANSITIONS[before]


TestWalk = Walk.TestCase
TestWalk.__doc__ = "Whatever happens to runs in whichever order, the journal knows their states."
TestWalk.settings = settings(max_examples=20, stateful_step_count=25)
