"""The demonstration model, driven through a real Agno agent."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.media import Image
from agno.models.message import Message
from agno.run.agent import (
    RunCompletedEvent,
    RunContentEvent,
    RunErrorEvent,
    ToolCallCompletedEvent,
)
from agno.run.team import ToolCallCompletedEvent as TeamToolCallCompleted
from agno.team import Team
from agno.tools import tool
from agno.tools.function import ToolResult

from app.core.providers.demo import MARKDOWN, DemoModel, current_time
from app.core.providers.demo.answers import answer
from app.core.providers.demo.samples import arguments
from app.core.providers.demo.zones import CITIES


def word_count(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


@dataclass(frozen=True)
class Answer:
    """The events of one run, and the values that tests read from them."""

    events: list[Any]

    def all(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def pieces(self) -> list[str]:
        return [event.content for event in self.all(RunContentEvent) if event.content]

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def endings(self) -> list[str]:
        reported = [event.model_provider_data for event in self.all(RunContentEvent)]
        return [data["finish_reason"] for data in reported if data]

    @property
    def usage(self) -> tuple[int, int, int]:
        metrics = self.all(RunCompletedEvent)[0].metrics
        return metrics.input_tokens, metrics.output_tokens, metrics.total_tokens


def agent_with(*tools: Callable[..., Any], model: DemoModel | None = None) -> Agent:
    return Agent(
        model=model or DemoModel(delay=0),
        tools=list(tools),
        db=InMemoryDb(),  # type: ignore[no-untyped-call]  # Agno leaves it untyped
        session_id="conversation",
        add_history_to_context=True,
        telemetry=False,
    )


async def ask(message: Any, agent: Agent | None = None) -> Answer:
    stream = (agent or agent_with(current_time)).arun(message, stream=True, stream_events=True)
    return Answer([event async for event in stream])


async def test_unknown_question_gets_introduction() -> None:
    """An unknown question is quoted in an introduction that lists all commands."""
    answer = await ask("Why is the sky blue?")
    assert "demonstration" in answer.text
    assert "no language model" in answer.text
    assert "“Why is the sky blue?”" in answer.text
    for word in ("markdown", "long", "count to", "continue", "reasoning", "tool", "slow", "fail"):
        assert f"`{word}" in answer.text
    assert ["stop"] == answer.endings


async def test_long_question_is_quoted_in_part() -> None:
    """A long question is quoted in one line of eighty characters."""
    answer = await ask("ask\n" * 100)
    assert "“" + ("ask " * 20) + "…”" in answer.text


@pytest.mark.parametrize("message", ["", "   ", [Message(role="assistant", content="Hello.")]])
async def test_empty_message_gets_introduction(message: Any) -> None:
    """An empty message gets the introduction."""
    answer = await ask(message)
    assert "demonstration" in answer.text


async def test_message_of_parts_is_read() -> None:
    """The text of a message made of parts is read, whichever part it is in."""
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    parts = [image, {"type": "text", "text": "count to 3"}]
    answer = await ask([Message(role="user", content=parts)])
    assert "1, 2, 3" == answer.text


async def test_pieces_are_words_with_spaces() -> None:
    """Each piece is one word with the space after it."""
    answer = await ask("echo one two\n\nthree")
    assert ["one ", "two\n\n", "three"] == answer.pieces


@pytest.mark.parametrize(
    "text", ["Grüße, 世界! 👩‍🚀", "a  b\n\tc", "x" * 1000, "日本語" * 50, "tool"]
)
async def test_echo_returns_exact_text(text: str) -> None:
    """`echo` gives back the same characters, however they are cut into pieces."""
    answer = await ask(f"echo {text}")
    assert text == answer.text


async def test_markdown_answer() -> None:
    """`markdown` shows headings, a list, a table and a block of Python."""
    answer = await ask("Show me some MARKDOWN, please")
    assert MARKDOWN == answer.text
    for mark in ("# ", "\n## ", "\n- ", "\n|---|", "\n```python\n"):
        assert mark in answer.text


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("long", 600),
        ("Tell me a long story.", 600),
        ("long 5000", 5000),
        ("a long answer of 1,234 words", 1234),
        ("long 3", 3),
    ],
)
async def test_long_has_requested_word_count(message: str, words: int) -> None:
    """`long` has exactly the requested number of words."""
    answer = await ask(message)
    assert words == word_count(answer.text)
    assert answer.text == answer.text.strip()


async def test_long_is_limited_to_50000_words() -> None:
    """No answer has more than 50,000 words, and a number of any size is understood."""
    stream = DemoModel(delay=0).ainvoke_stream([Message(role="user", content="long " + "9" * 5000)])
    assert 50_000 == sum([word_count(piece.content or "") async for piece in stream])


async def test_first_word_is_made_without_the_others() -> None:
    """The first word of a long answer does not wait for the others to be made."""
    stream = DemoModel(delay=0).ainvoke_stream([Message(role="user", content="long 50000")])
    began = time.perf_counter()
    await anext(stream)
    first = time.perf_counter() - began
    others = [piece async for piece in stream]
    assert 50_000 == len(others)  # the ending is one of them
    assert first < (time.perf_counter() - began) / 20


async def test_reasoning_precedes_answer() -> None:
    """All of the reasoning comes before the answer, in pieces of its own."""
    answer = await ask("Think about it")
    kinds = [
        "thought" if event.reasoning_content else "word"
        for event in answer.all(RunContentEvent)
        if event.reasoning_content or event.content
    ]
    assert sorted(kinds) == kinds
    assert kinds.count("thought") > 5
    assert kinds.count("word") > 5
    assert "thoughts of my own" in answer.all(RunCompletedEvent)[0].reasoning_content


async def test_tool_is_executed_and_result_quoted() -> None:
    """`tool` goes through Agno: the tool is run, and the answer has its result."""
    answer = await ask("tool")
    (call,) = answer.all(ToolCallCompletedEvent)
    assert "current_time" == call.tool.tool_name
    assert {} == call.tool.tool_args
    assert answer.text.endswith(f"The tool `current_time` answered: {call.tool.result}")
    assert ["tool_calls", "stop"] == answer.endings


@pytest.mark.parametrize("note", ["Too late.", None])
async def test_a_refused_tool_has_not_answered(note: str | None) -> None:
    """The answer after a refusal does not read as if the tool had run."""
    refusable: Any = tool(requires_confirmation=True)(book)
    agent = agent_with(refusable)
    paused = await agent.arun("tool")
    for one in paused.requirements or ():
        one.reject(note)
    after = await agent.acontinue_run(run_response=paused, requirements=paused.requirements)
    reason = note or "Function call was rejected by the user"
    assert str(after.content).endswith(f"The tool `book` gave no result: {reason}")


@pytest.mark.parametrize(
    ("question", "zone", "result"),
    [
        ("What time is it in Europe/Paris?", "Europe/Paris", "(Europe/Paris)"),
        ("What time is it in Paris?", "Europe/Paris", "(Europe/Paris)"),
        ("what time is it in new york right now?", "America/New_York", "(America/New_York)"),
        ("What's the time in Buenos Aires?", "America/Argentina/Buenos_Aires", "_Aires)"),
        ("tool in Munich", "Europe/Berlin", "(Europe/Berlin)"),
        ("What time is it in Gotham City?", "Gotham City", "or 'Europe/Paris'."),
        ("What time is it in the morning?", None, "(UTC)"),
        ("What time is it?", None, "(UTC)"),
    ],
)
async def test_time_zone_becomes_tool_argument(
    question: str, zone: str | None, result: str
) -> None:
    """A time zone or a city in the question becomes the argument of the call."""
    answer = await ask(question)
    (call,) = answer.all(ToolCallCompletedEvent)
    assert ({} if zone is None else {"timezone": zone}) == call.tool.tool_args
    assert call.tool.result.endswith(result)


def test_zones_of_cities_exist() -> None:
    """Each city of the demonstration has a zone that the database of time zones knows."""
    for zone in CITIES.values():
        assert zone == ZoneInfo(zone).key


def weather(city: str, days: int = 1) -> str:
    """Look up the weather forecast of a city."""
    return f"Sunny in {city}"


def book(room_id: str, guests: list[str], nights: int, email: str) -> str:
    """Reserve a hotel room."""
    return "Booked."


def roll() -> str:
    """Throw dice."""
    return "four"


@pytest.mark.parametrize(
    ("message", "name", "arguments"),
    [
        ("What is the weather in New York?", "weather", {"city": "New York"}),
        ("Is there a forecast for the city of Oslo", "weather", {"city": "Oslo"}),
        ("tool weather", "weather", {"city": "Paris"}),
        ('tool weather {"city": "Rome", "days": 3}', "weather", {"city": "Rome", "days": 3}),
        ("Please roll", "roll", {}),
        ("tool roll", "roll", {}),
        (
            "Book room 17 for 3 nights for bo@example.org",
            "book",
            {"room_id": "17", "guests": None, "nights": None, "email": "bo@example.org"},
        ),
        ("tool", "current_time", {}),
    ],
)
async def test_own_tools_are_called_with_plausible_arguments(
    message: str, name: str, arguments: dict[str, Any]
) -> None:
    """A question with a word of a tool's name, or several of its description, calls that tool."""
    answer = await ask(message, agent_with(weather, book, roll, current_time))
    (call,) = answer.all(ToolCallCompletedEvent)
    assert name == call.tool.tool_name
    for key, value in arguments.items():
        assert value is None or value == call.tool.tool_args[key]
    assert answer.text.endswith(f"answered: {call.tool.result}")


@pytest.mark.parametrize(
    "message", ["Why is the sky blue?", "echo weather", "count to 3", "a city"]
)
async def test_questions_that_no_tool_fits(message: str) -> None:
    """What fits no tool is answered without one; the introduction names the agent's tools."""
    answer = await ask(message, agent_with(weather, roll))
    assert [] == answer.all(ToolCallCompletedEvent)
    if "sky" in message:
        assert "`tool roll`, `tool weather`" in answer.text


def function(name: str, description: str = "") -> dict[str, Any]:
    """A tool as models get it."""
    return {"name": name, "description": description}


SHOP = ("delete_customer", "find_customer", "get_order", "price", "process_refund")


@pytest.mark.parametrize(
    ("question", "names", "expected"),
    [
        ("find customer Ann", ("delete_customer", "find_customer"), "find_customer"),
        ("Find Customer Ann", ("deleteCustomer", "findCustomer"), "findCustomer"),
        ("customer Ann", ("delete_customer", "find_customer"), "find_customer"),
        ("delete customer Ann", ("delete_customer", "find_customer"), "delete_customer"),
        ("tool delete_customer", ("delete_customer", "find_customer"), "delete_customer"),
        ("Delete the file", ("delete_customer",), None),
        ("customer Ann", ("delete_customer",), None),
        ("Which customers were deleted?", ("delete_customer",), None),
        (
            "customer Ann",
            ("create_customer", "find_customer"),
            ["create_customer", "find_customer"],
        ),
        ("the orders of Ann", ("cancel_order", "list_orders"), "list_orders"),
        ("Show order 17", ("get_order", "get_order_status"), "get_order"),
        ("status of order 17", ("get_order", "get_order_status"), "get_order_status"),
        ("refund order 4711", ("get_order", "refund"), "refund"),
        ("refund order 4711", SHOP, "process_refund"),
        ("What is the weather in Oslo?", ("get_weather", "weather"), "weather"),
        ("a payment for Ann", ("pay_invoice", "send_payment"), None),
        ("search cats", ("search",), "search"),
        ("What time does breakfast start?", ("weather",), None),
        ("tool", ("weather",), "weather"),
        ("Use the tool, please", ("weather",), "weather"),
        ("Which tools do you have?", ("weather",), ["weather"]),
        ("tool", ("delete_customer",), ["delete_customer"]),
        ("tool Europe/Paris", SHOP, list(SHOP)),
        ("tool", (*SHOP, "current_time"), "current_time"),
        ("tool", ("delegate_task_to_member", "current_time"), "current_time"),
        ("tool", ("delegate_task_to_member",), "delegate_task_to_member"),
    ],
)
def test_tool_is_guessed(
    question: str, names: tuple[str, ...], expected: str | list[str] | None
) -> None:
    """A question calls the tool that its words name, verbs included; where several fit equally they
    are named and none is called, and a risky one is only called by its verb or its name."""
    pieces = answer([Message(role="user", content=question)], [function(name) for name in names])
    found = list(pieces)
    calls = [call["function"]["name"] for piece in found for call in piece.tool_calls]
    text = "".join(piece.content or "" for piece in found)
    assert ([expected] if isinstance(expected, str) else []) == calls, text
    if isinstance(expected, list):
        assert text.endswith("Name one: " + ", ".join(f"`tool {name}`" for name in expected) + ".")


def test_risky_tool_is_called_by_its_description() -> None:
    """Words of a description do not call a tool that should not run by mistake."""
    tools = [function("purge", "Empty the archive of old letters.")]
    for question, called in (("Are old letters in it?", False), ("purge the letters", True)):
        pieces = answer([Message(role="user", content=question)], tools)
        assert called == any(piece.tool_calls for piece in pieces)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the price of 3 lamps?", {"product": "lamps", "quantity": 3}),
        ("How much for the blue lamps in Oslo", {"product": "blue lamps"}),
        ("price in euros, please", {"product": "euros"}),
        ('price of "a lamp"', {"product": "a lamp"}),
        ("price lamps", {"product": "price lamps"}),
    ],
)
def test_argument_is_whole_question(question: str, expected: dict[str, Any]) -> None:
    """A string is the thing that a question is about, and a quantity its number, also where it may
    be left out; a text is the whole question."""
    kinds = {"product": "string", "quantity": "integer", "query": "string"}
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    found = arguments({"properties": properties, "required": ["product"]}, question)
    assert expected == found
    whole = arguments({"properties": properties, "required": ["query"]}, question)
    assert question.partition('"')[0] in whole["query"] or whole["query"] in question


@pytest.mark.parametrize(
    ("question", "required", "expected"),
    [
        ("nights for order 4711 of 2", ["order_id", "nights"], {"order_id": "4711", "nights": 2}),
        ("price of 3 lamps", ["product_name"], {"product_name": "lamps"}),
        ("price of 3 lamps", ["customer_name"], {"customer_name": "Ada"}),
        ("a poem of lamps", ["text"], {"text": "a poem of lamps"}),
    ],
)
def test_arguments_are_mixed_up(
    question: str, required: list[str], expected: dict[str, Any]
) -> None:
    """A number that is a code is no quantity, and the name of a thing is no name of a person."""
    kinds = {name: {"type": "integer" if name == "nights" else "string"} for name in required}
    assert expected == arguments({"properties": kinds, "required": required}, question)


async def test_introduction_names_the_clock() -> None:
    """The introduction names a tool of the demonstration only where that one answers."""
    for tools, named in (((current_time,), True), ((weather,), False), ((), False)):
        assert named == ("tool Europe/Paris" in (await ask("Why?", agent_with(*tools))).text)


async def test_a_tool_with_media_is_called_once() -> None:
    """The media that Agno puts behind a result as a message of the user are no new question."""

    def paint() -> ToolResult:
        """Paint."""
        return ToolResult(content="Done.", images=[Image(content=b"png", mime_type="image/png")])

    answer = await ask("tool", agent_with(paint))
    assert 1 == len(answer.all(ToolCallCompletedEvent))
    assert answer.text.endswith("The tool `paint` answered: Done.")


async def test_a_leader_delegates_to_a_member() -> None:
    """A team's leader gives the task to the member whose name it has, else to the first."""
    members: list[Agent | Team] = [
        Agent(id="cook", name="Cook", model=DemoModel(delay=0), telemetry=False),
        Agent(id="driver", name="Driver", model=DemoModel(delay=0), telemetry=False),
    ]
    for task, member in (("Call the driver please", "driver"), ("Why is the sky blue?", "cook")):
        team = Team(members=members, model=DemoModel(delay=0), telemetry=False)
        events = [event async for event in team.arun(task, stream=True, stream_events=True)]
        calls = [e.tool for e in events if isinstance(e, TeamToolCallCompleted)]
        assert [member] == [
            call.tool_args["member_id"] for call in calls if call and call.tool_args
        ]


SCHEMAS: list[tuple[dict[str, Any], str, Any]] = [
    ({"type": "string"}, "Hello you", "Hello you"),
    ({"type": "string"}, 'Write "a poem" now', "a poem"),
    ({"type": "string", "maxLength": 3}, "Hello", "Hel"),
    ({"type": "string", "minLength": 7}, "Hello", "Hello.."),
    ({"type": "string", "enum": ["low", "high"]}, "very HIGH", "high"),
    ({"enum": [3, 5]}, "", 3),
    ({"const": "x"}, "", "x"),
    ({"type": "string", "default": "d"}, "Hi", "d"),
    ({"type": "string", "examples": ["e"]}, "Hi", "e"),
    ({"type": "string", "format": "uri"}, "see https://x.example/a.", "https://x.example/a"),
    ({"type": "string", "format": "date"}, "on 2030-01-02", None),
    ({"type": "integer"}, "I want 7 of 9", 7),
    ({"type": "integer", "minimum": 10}, "7", 10),
    ({"type": "integer", "exclusiveMaximum": 5}, "7", 4),
    ({"type": "integer", "multipleOf": 10}, "7", 10),
    ({"type": "number"}, "-2.5 degrees", -2.5),
    ({"type": ["null", "boolean"]}, "", True),
    ({"type": "null"}, "", None),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "3 and 4", [3, 4]),
    ({"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}]}, "", [None, True]),
    ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "6", 6),
    ({"$ref": "#/$defs/Item"}, "5", {"count": 5}),
    ({"$ref": "#/$defs/Loop"}, "", None),
    ({"$ref": "#/$defs/Nothing"}, "word", "word"),
    ({"type": "object"}, "", {}),
    ({}, "anything", "anything"),
    (True, "anything", "anything"),  # type: ignore[list-item]  # a schema may be a truth value
]


@pytest.mark.parametrize(("schema", "message", "expected"), SCHEMAS)
def test_a_value_for_each_kind_of_schema(
    schema: dict[str, Any], message: str, expected: Any
) -> None:
    """Every schema gets a value that is valid by it; a circle of references ends."""
    defs = {
        "Item": {"properties": {"count": {"type": "integer"}}, "required": ["count"]},
        "Loop": {"properties": {"next": {"$ref": "#/$defs/Loop"}}, "required": ["next"]},
    }
    parameters = {"properties": {"it": schema}, "required": ["it"], "$defs": defs}
    found = arguments(parameters, message)["it"]
    assert expected is None or (type(expected), expected) == (type(found), found)


async def test_tool_without_any_tools() -> None:
    """`tool` without tools gets an explanation instead of a call."""
    answer = await ask("tool", agent_with())
    assert "no tool" in answer.text
    assert ["stop"] == answer.endings


async def test_tool_choice_none_is_obeyed() -> None:
    """With `tool_choice: none` no tool is called."""
    agent = agent_with(current_time)
    agent.tool_choice = "none"
    answer = await ask("tool", agent)
    assert "no tool" in answer.text


async def test_slow_pauses_before_each_word() -> None:
    """`slow` pauses for `slow_delay` before each of its twelve words."""
    began = time.perf_counter()
    answer = await ask("slow", agent_with(model=DemoModel(delay=0, slow_delay=0.02)))
    assert 12 == len(answer.pieces)
    assert time.perf_counter() - began >= 12 * 0.02


async def test_delay_before_each_word() -> None:
    """Other answers pause for `delay` before each word."""
    began = time.perf_counter()
    await ask("count to 10", agent_with(model=DemoModel(delay=0.02)))
    assert time.perf_counter() - began >= 10 * 0.02


@pytest.mark.parametrize("message", ["fail", "Show me a failure"])
async def test_fail_breaks_off_with_provider_error(message: str) -> None:
    """`fail` says a few words and then breaks off with a provider's error."""
    answer = await ask(message)
    (error,) = answer.all(RunErrorEvent)
    assert "The demonstration failed, as the message requests." == error.content
    assert "model_provider_error" == error.error_type
    assert len(answer.pieces) > 3
    assert [] == answer.endings


@pytest.mark.parametrize(
    ("message", "last"),
    [
        ("count to 5", 5),
        ("Count to FIVE!", 5),
        ("Please count from 1 to 12.", 12),
        ("count up to twenty-one", 21),
        ("count to a hundred and three, please", 103),
        ("count to two thousand five hundred", 2500),
        ("count to 1,000", 1000),
        ("count to ten million", 10_000),
        ("count to 99999999999999999999", 10_000),
    ],
)
async def test_count_to_number_in_digits_or_words(message: str, last: int) -> None:
    """It counts to a number in digits or words, one number a piece, and to 10,000 at most."""
    answer = await ask(message)
    assert ", ".join(str(n) for n in range(1, last + 1)) == answer.text
    assert last == len(answer.pieces)


@pytest.mark.parametrize("message", ["count to zero", "count to the moon"])
async def test_count_without_number_gets_introduction(message: str) -> None:
    """`count to` without a number gets the introduction."""
    answer = await ask(message)
    assert "demonstration" in answer.text


async def test_continue_counts_on() -> None:
    """`continue` counts on from the previous answer, again and again."""
    agent = agent_with()
    await ask("count to five", agent)
    assert "6, 7, 8, 9, 10" == (await ask("Continue!", agent)).text
    assert "11, 12, 13, 14, 15" == (await ask("continue", agent)).text


async def test_continue_after_cut_count() -> None:
    """`continue` after a count that was cut goes on with the next number, to the end."""
    agent = agent_with(model=DemoModel(delay=0, max_tokens=4))
    assert "1, 2, 3, 4, " == (await ask("count to 10", agent)).text
    assert "5, 6, 7, 8, " == (await ask("continue", agent)).text
    assert "9, 10" == (await ask("continue", agent)).text


async def test_continue_after_cut_long_answer() -> None:
    """`continue` after a long answer that was cut goes on to its end."""
    agent = agent_with(model=DemoModel(delay=0, max_tokens=80))
    pieces = [(await ask("long 200", agent)).text]
    pieces += [(await ask("continue", agent)).text for _ in range(2)]
    assert [80, 80, 40] == [word_count(piece) for piece in pieces]
    assert pieces[1].startswith("[81] ")
    assert pieces[2].startswith("[161] ")


async def test_continue_after_long_answer() -> None:
    """`continue` after `long` continues its numbering."""
    agent = agent_with()
    await ask("long 120", agent)
    second = await ask("continue", agent)
    third = await ask("continue", agent)
    assert ["[121]", "[171]", "[221]"] == re.findall(r"\[\d+\]", second.text)
    assert 120 == word_count(second.text)
    assert third.text.startswith("[241] ")


async def test_continue_without_previous_answer() -> None:
    """`continue` without a count or long answer before it reports that."""
    agent = agent_with()
    assert "nothing to continue" in (await ask("continue", agent)).text
    assert "nothing to continue" in (await ask("continue", agent)).text


async def test_earlier_messages_are_listed() -> None:
    """`what did I say?` lists the earlier messages of the conversation in order."""
    agent = agent_with()
    assert "You said nothing before." == (await ask("What did I say?", agent)).text
    await ask("echo a nightingale", agent)
    answer = await ask("what did I ask before?", agent)
    assert answer.text.endswith("- “What did I say?”\n- “echo a nightingale”")


async def test_usage_counts_words() -> None:
    """The usage is in words: those of the messages, those of the answer, and both together."""
    answer = await ask("count to 5", agent_with())
    assert (3, 5, 8) == answer.usage


@pytest.mark.parametrize(
    ("limit", "text", "ending"),
    [
        (0, "", "length"),
        (2, "1, 2, ", "length"),
        (5, "1, 2, 3, 4, 5", "stop"),
        (9, "1, 2, 3, 4, 5", "stop"),
    ],
)
async def test_max_tokens_ends_answer(limit: int, text: str, ending: str) -> None:
    """`max_tokens` ends the answer after that many pieces, and the finish reason says so."""
    answer = await ask("count to 5", agent_with(model=DemoModel(delay=0, max_tokens=limit)))
    assert text == answer.text
    assert [ending] == answer.endings


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("beta", "alpha "),
        ("a be", "alph"),
        ("beta gamma d", "alpha "),
        (["delta", "gamma"], "alpha beta "),
        (["omega", "a delta x"], "alpha beta gamma delta"),
        ("a delta x", "alpha beta gamma delta"),
        ("", "alpha beta gamma delta"),
    ],
)
async def test_stop_string_ends_answer(stop: str | list[str], text: str) -> None:
    """The text ends before the first stop string, even one that spans several pieces."""
    model = DemoModel(delay=0, stop=stop, temperature=0.0, top_p=1.0, seed=7)
    answer = await ask("echo alpha beta gamma delta", agent_with(model=model))
    assert text == answer.text
    assert ["stop"] == answer.endings


@pytest.mark.parametrize("message", ["count to 5", "think", "tool", "echo a  b"])
async def test_streamed_and_unstreamed_answers_are_equal(message: str) -> None:
    """Streamed or whole, with asyncio or without, an agent answers the same."""
    streamed = (await ask(message)).text
    in_threads = agent_with(current_time).run(message, stream=True)
    seconds = re.compile(r"\d\d:\d\d:\d\d")  # the only thing that may differ
    answers = [
        streamed,
        str((await agent_with(current_time).arun(message)).content),
        str(agent_with(current_time).run(message).content),
        "".join(str(event.content) for event in in_threads if event.content),
    ]
    assert 1 == len({seconds.sub("", answer) for answer in answers})


async def test_unstreamed_answer_has_reasoning_finish_reason_and_usage() -> None:
    """An answer that is not streamed has its reasoning, its finish reason and its usage, too."""
    answer = await agent_with().arun("think")
    reasoning = answer.reasoning_content or ""
    assert "thoughts of my own" in reasoning
    assert {"finish_reason": "stop"} == answer.model_provider_data
    assert answer.metrics is not None
    words = word_count(reasoning) + word_count(str(answer.content))
    assert words == answer.metrics.output_tokens


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Asia/Kolkata"])
def test_current_time_format(zone: str) -> None:
    """`current_time` returns date, time and zone."""
    assert re.fullmatch(rf"\w+ \d\d \w+ \d{{4}}, \d\d:\d\d:\d\d \({zone}\)", current_time(zone))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Europe", "../../etc/passwd", "a\0b"])
def test_current_time_in_unknown_zone(zone: str) -> None:
    """For an unknown time zone `current_time` returns a sentence a model can act on."""
    assert f"Unknown time zone {zone!r}: use an IANA name" in current_time(zone)
