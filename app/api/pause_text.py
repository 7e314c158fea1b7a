"""A pause in protocols without a place for it: sentences on what a person has to decide."""

import json
from collections.abc import Sequence

from ..models.chat import Requirement

#: Characters of the arguments of one tool call.
ARGUMENTS = 2000


def pause_text(requirements: Sequence[Requirement] | None, address: str) -> str:
    """What a paused run waits for, and the address where it can be decided; empty if it waits for
    nothing but results of the client's own calls."""
    found = [sentence(item) for item in requirements or [] if item.kind != "external"]
    if not found:
        return ""
    return "\n\n" + "\n".join([*found, f"Decide at {address}"]) + "\n"


def sentence(item: Requirement) -> str:
    """What one requirement asks of a person."""
    who = item.member or item.step
    by = f"{who}: " if who else ""
    call = ""
    if item.tool is not None:
        arguments = json.dumps(item.tool.arguments, ensure_ascii=False)
        more = "…" if len(arguments) > ARGUMENTS else ""
        call = f" {item.tool.name}({arguments[:ARGUMENTS]}{more})"
    if item.kind == "approval":
        text = f"This waits for an approval:{call or ' ' + (item.note or item.step or '')}."
    elif item.kind == "input":
        names = ", ".join(field.name for field in item.fields or [])
        text = f"This waits for values of {names}:{call or ' ' + (item.note or '')}."
    elif item.kind == "step_review":
        text = f"This waits for a review: {item.note or item.step or ''}."
    elif item.kind == "step_error":
        text = item.note or "A step failed."
    else:
        questions = " ".join(
            f"{question.question} ({' | '.join(option.label for option in question.options)})"
            for question in item.questions or []
        )
        text = f"This waits for an answer: {questions}"
    return by + text
