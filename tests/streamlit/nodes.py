"""The parts of an answer as a tree: what members, steps and nested agents say is inside them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agno_stream import Part, Speaker


@dataclass(slots=True)
class Node:
    """A part of an answer, and the parts inside it. `type` is `speaker` for a box of its own."""

    type: str
    value: Any
    inside: list["Node"] = field(default_factory=list)


def tree(parts: Iterable[Part]) -> list[Node]:
    """The parts in their order, as the chat page nests them."""
    top: list[Node] = []
    known: dict[object, Node] = {}  # speakers, and the newest step of each id
    newest: dict[int, Node] = {}  # speakers by their depth

    def box(speaker: Speaker) -> Node:
        key = (speaker["id"], speaker.get("run_id"))
        step = known.get(speaker["id"]) if speaker["kind"] == "step" else None
        if key in known:
            return known[key]
        depth = speaker.get("depth", 1)
        node = step
        if node is None:
            node = Node("speaker", speaker)
            host = newest.get(depth - 1)
            (top if host is None else host.inside).append(node)
        known[key] = newest[depth] = node
        for deeper in [other for other in newest if other > depth]:
            del newest[deeper]
        return node

    for part in parts:
        speaker = part.get("speaker")
        place = top if speaker is None else box(speaker).inside
        fields: Any = part.get("said") or {part["type"]: part.get(part["type"], part)}
        for kind, value in fields.items():
            node = Node(kind, value)
            if kind == "step":
                known[value["id"]] = node
                newest.clear()
            if kind == "event" and place and _is_event(place[-1], value["name"]):
                place.pop()  # the newest of its kind is shown
            place.append(node)
    return top


def _is_event(node: Node, name: str) -> bool:
    return node.type == "event" and bool(node.value["name"] == name)
