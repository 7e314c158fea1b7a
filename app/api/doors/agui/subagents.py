"""The speakers inside a run as subagents: members of a team, steps, agents that tools run."""

from ....models.chat import Speaker
from . import events as ev
from .voices import Emit, Ids, Voice


class Subagents:
    """Announces each speaker before it speaks, and closes it.

    The log does not say when a speaker ends: it does when the calls and steps that it worked in
    have ended, or the run.
    """

    def __init__(self, ids: Ids, emit: Emit) -> None:
        self._ids = ids
        self._emit = emit
        self._open: dict[str, tuple[Speaker, Voice]] = {}  # by the id of the speaker's own run
        self._used: set[str] = set()
        self._paused: set[str] = set()

    @property
    def any_open(self) -> bool:
        return bool(self._open)

    def voice(self, speaker: Speaker, calls: list[str]) -> Voice:
        """Return the voice of a speaker; `calls` are those that the run's own agent waits for."""
        known = self._open.get(_key(speaker))
        return known[1] if known is not None else self._begin(speaker, calls)

    def named(self, name: str | None) -> Voice | None:
        """Return the voice of the open subagent with a name; None if there is none."""
        for speaker, voice in reversed(self._open.values()):
            if name is not None and name in (speaker.name, speaker.id):
                return voice
        return None

    def fail(self, speaker: Speaker, message: str, code: str | None = None) -> None:
        """Close a speaker that has failed; no effect if it has not spoken."""
        found = self._open.pop(_key(speaker), None)
        if found is not None:
            self._fail(found[1], message, code)

    def pause(self, speaker: Speaker) -> None:
        """Keep a speaker that waits for a person until the end of the run."""
        self._paused.add(_key(speaker))

    def rest(self) -> None:
        """Close those that do not wait, because nothing goes on in which they could speak."""
        for key, (_, voice) in reversed([*self._open.items()]):
            if key not in self._paused:
                del self._open[key]
                self._finish(voice)

    def end(self, waiting: dict[str, list[str]] | None = None) -> None:
        """Close all; those in `waiting` are suspended by the interrupts with these ids."""
        for _, voice in reversed([*self._open.values()]):
            ids = (waiting or {}).get(voice.owner or "")
            self._finish(voice, None if ids is None else ev.Suspended(ids))
        self._open.clear()

    def leave(self, step_id: str) -> None:
        """Close the speakers of a step that has ended."""
        for key, (speaker, voice) in [*self._open.items()]:
            if speaker.kind == "step" and speaker.id == step_id:
                del self._open[key]
                self._finish(voice)

    def stop(self) -> None:
        """Close all of a run that was cancelled: they have neither succeeded nor failed."""
        for _, voice in reversed([*self._open.values()]):
            self._fail(voice, "The run was cancelled.", "cancelled")
        self._open.clear()

    def close_messages(self) -> None:
        for _, voice in self._open.values():
            voice.close()

    def _finish(self, voice: Voice, outcome: ev.Suspended | None = None) -> None:
        voice.close()
        self._emit(ev.SubagentFinished(subagent_run_id=voice.owner or "", outcome=outcome))

    def _fail(self, voice: Voice, message: str, code: str | None) -> None:
        voice.close()
        owner = voice.owner or ""
        self._emit(ev.SubagentError(subagent_run_id=owner, message=message, code=code))

    def _begin(self, speaker: Speaker, calls: list[str]) -> Voice:
        found = _key(speaker)
        if found in self._used:
            found = f"{found}-{self._ids.new()}"
        self._used.add(found)
        above = [v.owner for s, v in self._open.values() if s.depth == speaker.depth - 1]
        voice = Voice(self._ids, self._emit, found, speaker.name)
        self._emit(
            ev.SubagentStarted(
                subagent_run_id=found,
                name=speaker.name,
                parent_subagent_run_id=above[0] if len(above) == 1 else None,
                parent_tool_call_id=calls[0] if len(calls) == 1 and speaker.depth == 1 else None,
                metadata={"agno-stream": {"id": speaker.id, "kind": speaker.kind}},
            )
        )
        self._open[_key(speaker)] = (speaker, voice)
        return voice


def _key(speaker: Speaker) -> str:
    return speaker.run_id or speaker.id
