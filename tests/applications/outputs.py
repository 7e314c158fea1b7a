"""Agents whose answers are more than the text of one model: schemas, second models, reasoning."""

from typing import Any

from agno.agent import Agent
from agno.agent.followup import FollowupConfig
from agno.models.message import Message
from agno.run import RunContext
from agno.tools.reasoning import ReasoningTools
from pydantic import BaseModel

from tests.applications.kind import Site, kind
from tests.applications.tools import calls, weather
from tests.provider_replies import Reply

FORMULA = r"Why does $$x$$ cost $5 in {user_id} and ${HOME}?"


class City(BaseModel):
    name: str
    people: int


class Topic(BaseModel):
    topic: str
    sources: int = 5


OSLO = '{"name": "Oslo", "people": 700000}'


@kind(Reply(OSLO), shows="output")
def output_schema(site: Site) -> Agent:
    return Agent(model=site.model(), output_schema=City)


@kind(Reply(OSLO))
def json_mode(site: Site) -> Agent:
    return Agent(model=site.model(), output_schema=City, use_json_mode=True)


@kind(calls("weather"), Reply(OSLO), seen="21 degrees")
def output_schema_after_tool(site: Site) -> Agent:
    return Agent(model=site.model(), output_schema=City, tools=[weather])


@kind(
    Reply("A draft. "),
    others={"writer": [Reply("A polished answer.")]},
    answering="writer",
    history=False,
)
def output_model(site: Site) -> Agent:
    return Agent(model=site.model(), output_model=site.model("writer"))


@kind(
    Reply("Oslo has 700000 people."),
    others={"parser": [Reply(OSLO)]},
    answering="parser",
    rewritten=True,
    history=False,
    faults=False,
    shows=("output", "final"),
)
def parser_model(site: Site) -> Agent:
    return Agent(model=site.model(), output_schema=City, parser_model=site.model("parser"))


@kind(Reply("Five sources."), question='{"topic": "AI"}', seen='"topic": "AI"')
def input_schema(site: Site) -> Agent:
    return Agent(model=site.model(), input_schema=Topic)


@kind(Reply("x"), question="Not JSON.", blocked=True)
def input_schema_refuses(site: Site) -> Agent:
    return Agent(model=site.model(), input_schema=Topic)


SUGGESTIONS = '{"suggestions": ["Ask about Oslo", "Ask about Bergen"]}'


@kind(Reply("Oslo."), others={"followups": [Reply(SUGGESTIONS)]}, shows="followups")
def followups(site: Site) -> Agent:
    return Agent(
        model=site.model(),
        followups=True,
        num_followups=2,
        followup_model=site.model("followups"),
    )


@kind(Reply("Oslo."), others={"asking": [Reply(SUGGESTIONS)]}, shows="followups", faults=False)
def followups_config(site: Site) -> Agent:
    return Agent(
        model=site.model(), followups=FollowupConfig(model=site.model("asking"), max_followups=2)
    )


@kind(Reply("Four.", reasoning="two and two"), shows="reasoning")
def reasoning_text(site: Site) -> Agent:
    return Agent(model=site.model())


THOUGHT = '{"title": "Add", "thought": "two and two", "action": "add", "confidence": 0.9}'


@kind(
    Reply("Four."),
    others={"thinker-o3": [Reply("Two and two.")]},
    seen="Two and two.",
    shows="reasoning",
)
def reasoning_model(site: Site) -> Agent:
    return Agent(model=site.model(), reasoning_model=site.model("thinker-o3"))


@kind(
    calls("think", arguments=THOUGHT),
    Reply("Four."),
    seen="two and two",
)
def reasoning_tools(site: Site) -> Agent:
    return Agent(model=site.model(), tools=[ReasoningTools()])


@kind(Reply("Nothing is new."))
def responses_model(site: Site) -> Agent:
    return Agent(model=site.responses_model())


@kind(calls("weather"), Reply("It is sunny."), seen="21 degrees in Oslo", shows="tool")
def responses_tool(site: Site) -> Agent:
    return Agent(model=site.responses_model(), tools=[weather])


@kind(Reply(OSLO), shows="output")
def responses_schema(site: Site) -> Agent:
    return Agent(model=site.responses_model(), output_schema=City)


@kind(Reply("See the source.", citations=[("https://example.com/oslo", "Oslo")]), shows="citations")
def citations(site: Site) -> Agent:
    return Agent(model=site.responses_model())


@kind(Reply("It costs five."), question=FORMULA, seen=FORMULA)
def question_with_dollars(site: Site) -> Agent:
    return Agent(model=site.model())


@kind(
    *[Reply(status=500)] * 9,
    others={"second": [Reply("The second answers.")]},
    answering="second",
)
def fallback_models(site: Site) -> Agent:
    return Agent(model=site.model(max_retries=0), fallback_models=[site.model("second")])


@kind(
    Reply(status=500),
    Reply("At the second try."),
    requests=False,
    faults=False,
)
def model_retries(site: Site) -> Agent:
    return Agent(model=site.model(max_retries=0, retries=1, delay_between_retries=0))


@kind(
    Reply(status=500),
    Reply("At the second try."),
    requests=False,
    faults=False,
)
def agent_retries(site: Site) -> Agent:
    return Agent(model=site.model(max_retries=0), retries=1, delay_between_retries=0)


def _pirate(run_context: RunContext) -> list[str]:
    state = run_context.session_state or {}
    return ["You are a pirate.", f"The ship is {state['color']}."]


@kind(Reply("Arr."), seen=("You are a pirate.", "The ship is blue."))
def instructions_from_function(site: Site) -> Agent:
    return Agent(
        model=site.model(),
        instructions=_pirate,
        session_state={"color": "blue"},
    )


@kind(Reply("Deux."), seen=("Count in French.", "Un."))
def few_shots(site: Site) -> Agent:
    shots: list[Any] = [
        Message(role="user", content="Count in French."),
        Message(role="assistant", content="Un."),
    ]
    return Agent(model=site.model(), additional_input=shots)
