"""A question as Agno wants it, so that guardrails, hooks, knowledge and schemas work with it.

The last message of the user is the input, as text; what came before it is `additional_input`.

See docs/decisions/054-a-last-hook-finishes-the-input.md.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from agno.agent import Agent
from agno.models.message import Message
from agno.run import RunContext
from agno.run.agent import RunInput

from ..providers.client_tools import client_function
from ..question import PastMessage, Question
from .components.kinds import Caller
from .components.late import Team, Workflow
from .components.tree import parts_of, walk
from .media_in import media_of
from .messages import agno_message

#: How Agno introduces a history, and the question after it, to agents of other frameworks.
BEFORE = "Previous conversation (for context, do not repeat it):"
AFTER = "Current message:"

#: Messages that are made at once, in some milliseconds.
AT_ONCE = 500

#: What makes Agno take a text for a template.
TEMPLATE = frozenset("{$")


class Verbatim(str):
    """A user's words that Agno takes for no template: it looks for `{` and `$` before it fills in
    values, and finds none."""

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        return part not in TEMPLATE and super().__contains__(part)  # type: ignore[operator]


class Input:
    """A question for one run of a component: the `text` of its user, and what belongs to it.

    If the history ends with the results of a client's tools, `tail` holds the messages from the
    user's last one on: guardrails see that message, and the model sees all of them.
    """

    __slots__ = ("media", "past", "system", "tail", "text")

    def __init__(self, question: Question) -> None:
        past = [*(question.history or [])]
        self.tail: list[PastMessage] = []
        self.text = question.message or ""
        with_media: Question | PastMessage = question
        if question.message is None:
            start = max((n for n, m in enumerate(past) if m.role == "user"), default=len(past))
            past, self.tail = past[:start], past[start:]
            if self.tail:
                self.text = self.tail[0].content
                with_media = self.tail[0]
        self.media = media_of(with_media)
        self.past = past
        self.system = question.system

    @property
    def before(self) -> list[PastMessage]:
        """What the model reads before the user's message, and Agno does not store."""
        system = [] if self.system is None else [PastMessage("system", self.system)]
        return [*self.past, *system]

    def transcript(self) -> str:
        """The question for what takes nothing but a text: with the messages before it."""
        lines = [f"{past.role}: {past.content}" for past in self.past if past.content]
        if self.system is not None:
            lines.insert(0, f"system: {self.system}")
        text = "\n".join([self.text, *(f"tool: {past.content}" for past in self.tail[1:])])
        return "\n".join([BEFORE, *lines, "", AFTER, text]) if lines else text

    async def install(self, component: Any) -> None:
        """Give a run's copy of a component the history, and keep the user's words as they are."""
        for agent in _readers(component):
            before = await _marked(self.past)
            if self.system is not None:
                before.append(Message(role="system", content=self.system))
            if before:
                agent.additional_input = [*(agent.additional_input or []), *before]
        verbatim = not TEMPLATE.isdisjoint(self.text)
        for agent in walk(component):
            if isinstance(agent, Agent | Team):
                tail = self.tail[1:] if agent is component else []
                if tail or (verbatim and agent.resolve_in_context):
                    agent.pre_hooks = [*(agent.pre_hooks or []), _last_hook(tail)]


def _readers(component: Any) -> Iterator[Any]:
    """The agents and teams that read the history: those that the question goes to."""
    if isinstance(component, Workflow):
        for part in parts_of(component):
            yield from _readers(part)
    elif isinstance(component, Agent | Team):
        yield component


def _last_hook(tail: list[PastMessage]) -> Any:
    """A hook that comes after all hooks of the application, which have seen plain text."""

    def agno_stream_input(run_input: RunInput) -> None:
        text: Any = run_input.input_content
        if tail:
            user = Message(
                role="user",
                content=text,
                images=run_input.images or None,
                audio=run_input.audios or None,
                videos=run_input.videos or None,
                files=run_input.files or None,
            )
            run_input.input_content = [user, *(agno_message(past) for past in tail)]
        elif type(text) is str:
            run_input.input_content = Verbatim(text)

    return agno_stream_input


async def _marked(history: list[PastMessage]) -> list[Message]:
    """Messages that Agno does not store with the run; others have their turn while they are
    made."""
    messages = []
    for number, past in enumerate(history, 1):
        message = agno_message(past)
        message.from_history = True
        messages.append(message)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    return messages


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authenticated sender of the question, for tools and hooks; Agno's `user_id` is not.

    Agno puts it into the `RunContext` of every run inside, of members, of steps and of tools.
    """

    principal: str
    user: str | None

    #: Whether Agno refuses tools of its own by it: AgentOS's rules are not those of this server.
    enforce_tools: ClassVar[bool] = False

    def snapshot(self) -> None:
        """Agno keeps nothing of it in what it stores for later runs."""


def schema_for(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """A JSON schema in the form that the models of Agno take."""
    if schema is None or schema.get("type") == "json_schema":
        return schema
    name = str(schema.get("title") or "answer")
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def authorization_of(question: Question, caller: Caller) -> Authorization:
    """Who asks a question."""
    return Authorization(caller.principal, question.user)


def context_of(question: Question, caller: Caller, run_id: str) -> RunContext:
    """What Agno passes on to everything inside a run."""
    return RunContext(
        run_id=run_id,
        session_id=caller.session_id,
        user_id=caller.user_id,
        session_state=question.session_state,
        client_tools=[client_function(tool) for tool in question.tools],
        authorization=authorization_of(question, caller),
    )
