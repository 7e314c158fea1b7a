"""Decisions on what a paused run waits for; see `Client.continue_run`."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Requirement = Mapping[str, Any]


class Decision(TypedDict, total=False):
    """The decision on one requirement, by its `id`.

    `confirmed` is a yes or a no, with a `note` for the model. `values` are those of the
    requirement's fields, `answers` the labels that were chosen, by question; `result` is that of a
    tool that ran elsewhere, or the text that replaces a reviewed output.
    """

    id: str
    confirmed: bool
    note: str
    values: dict[str, Any]
    answers: dict[str, str | list[str]]
    result: Any


def approve(requirements: Sequence[Requirement]) -> list[Decision]:
    """Return decisions that confirm everything that can be confirmed."""
    return [{"id": one["id"], "confirmed": True} for one in requirements]


def deny(requirements: Sequence[Requirement], note: str = "") -> list[Decision]:
    """Return decisions that refuse everything, with a reason for the model."""
    reason: Decision = {"note": note} if note else {}
    return [{"id": one["id"], "confirmed": False, **reason} for one in requirements]
