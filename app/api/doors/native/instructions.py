"""The system prompt of a request: instructions beside the agent's own, if the agent allows them."""

from ....core.errors import InvalidField
from ....core.question import Question
from ...context import Context


def check_system(server: Context, question: Question) -> None:
    """Raise `InvalidField` for a system prompt that the agent of a question does not allow, and
    `UnknownAgent`."""
    if question.system is None:
        return
    entry = server.agents.find(question.agent)
    if not server.agents.takes_system(entry):
        raise InvalidField(
            f"system: the {entry.kind} {entry.id!r} takes no system prompt of its callers."
        )
