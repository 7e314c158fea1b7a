"""What another process needs to go on with a run whose process has died, and whether it may.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec

from ..models.chat import Decision, StreamingChunk
from .question import Attachment, Picture, Question

#: Bytes of the recipe of a run, at most: it is stored with the record of each run.
RECIPE_BYTES = 1 << 20

#: Kinds of agents that can be begun anew.
RESTARTABLE = frozenset({"agent", "team", "workflow"})


class Guard(Protocol):
    """What a run whose process may die at any moment tells the journal, for others to go on."""

    async def confirm(self) -> None:
        """Wait until the journal has all chunks so far; raises `Interrupted` if it cannot be
        written, or if another process has taken the run over."""

    async def checkpoint(self, data: str, chunks: Sequence[StreamingChunk]) -> None:
        """Keep a state of the agent from which another process can go on, after all chunks so far
        and these, which come next; an empty one if none can. Raises what `confirm` raises."""


class Recipe(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a run was begun with. `question` is None if it is too large, or has uploads: then
    the run can go on from a checkpoint only.

    `decisions` are those of the principal `decided_by` on the paused run that this one continues.
    """

    kept: bool
    question: Question | None = None
    decisions: list[Decision] | None = None
    decided_by: str = ""

    def encode(self) -> str:
        """The recipe as JSON."""
        if self.question is None or _has_uploads(self.question):
            return _encode(msgspec.structs.replace(self, question=None))
        data = _encode(self)
        if len(data) > RECIPE_BYTES:
            return _encode(msgspec.structs.replace(self, question=None))
        return data

    @classmethod
    def decode(cls, data: str) -> "Recipe":
        """The recipe that `encode` has encoded."""
        return msgspec.json.decode(data, type=cls, dec_hook=_no_path)


def _encode(recipe: Recipe) -> str:
    return msgspec.json.encode(recipe).decode()


def _no_path(kind: type[Any], value: Any) -> Any:
    raise NotImplementedError(f"a {kind.__name__} is in no recipe")


def _has_uploads(question: Question) -> bool:
    """Whether files of the question are in a folder of one host, and moved once the run begins."""
    items: list[Picture | Attachment] = [*question.images, *question.attachments]
    for past in question.history or []:
        items += [*past.images, *past.attachments]
    return any(item.path is not None for item in items)


class Repeats(Protocol):
    """What a component may do again although its first outcome is not known."""

    def tool(self, name: str, speaker: str | None = None) -> bool:
        """Whether a tool may run again: the component's own, or that of the member `speaker`."""

    def step(self, name: str) -> bool:
        """Whether the step of a workflow with this name may be done again."""


def may_go_on(kind: str, void: Iterable[StreamingChunk], repeats: Repeats) -> bool:
    """Whether a run may do again what it has done since its checkpoint, or since its beginning.

    `void` is what its reader has seen of it: the tools in it may have begun to work, and so may
    anything inside the steps.
    """
    for chunk in void:
        if chunk.step is not None and not repeats.step(chunk.step.name):
            return False
        if kind == "workflow" and chunk.said is not None:
            continue  # it is inside a step that has begun
        tool = chunk.tool if chunk.said is None else chunk.said.tool
        speaker = chunk.speaker.id if chunk.speaker is not None else None
        if tool is not None and tool.status != "paused" and not repeats.tool(tool.name, speaker):
            return False
    return kind in RESTARTABLE
