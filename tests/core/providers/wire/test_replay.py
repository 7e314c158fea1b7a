"""What goes back with tool calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.providers.wire.outcome import Outcome, WrittenCall
from app.core.providers.wire.replay import Replay
from tests.core.providers.wire.reading import Case, read

REPORTED = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "provider_streams.jsonl").read_text().splitlines()
]
WANTED = [reported for reported in REPORTED if "sent" in reported["expect"]]


def _request(*names: str) -> dict[str, Any]:
    """The next request of a run, as Agno writes it: each call in a message of its own."""
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    for n, name in enumerate(names):
        call = {"id": f"call_{n:035}", "type": "function", "function": {"name": name}}
        messages.append({"role": "assistant", "tool_calls": [call]})
    return {"messages": messages}


def _replay() -> Replay:
    """After two rounds, of which the first came with reasoning."""
    replay = Replay()
    replay.keep(Outcome(calls=[WrittenCall("c1", "weather", "{}")], replay={"reasoning": "hm"}))
    replay.keep(Outcome(calls=[WrittenCall("c2", "clock", "{}", {"extra_content": "SIG"})]))
    return replay


@pytest.mark.parametrize("reported", WANTED, ids=lambda reported: reported["name"])
def test_a_provider_misses_what_it_sent(reported: dict[str, Any]) -> None:
    """What a provider wants back goes into the message with its call, under any id."""
    outcome = read("chat", Case("", reported["body"].encode())).outcome
    replay = Replay()
    replay.keep(outcome)
    request = _request(outcome.calls[0].name)
    assert replay.restore(request)
    assert reported["expect"]["sent"] in json.dumps(request["messages"][1])
    assert not replay.restore(request)


def test_earlier_turns_get_what_a_run_has_kept() -> None:
    """The rounds of a run are the last of a request; calls of earlier turns stay as they are."""
    request = _request("weather", "weather", "clock")
    assert _replay().restore(request)
    _, earlier, first, second = request["messages"]
    assert (None, "hm") == (earlier.get("reasoning"), first["reasoning"])
    assert "SIG" == second["tool_calls"][0]["extra_content"]


@pytest.mark.parametrize("names", [(), ("other",), ("clock", "weather")])
def test_another_call_gets_what_a_run_has_kept(names: tuple[str, ...]) -> None:
    """A request whose calls are not those of the run stays as it is."""
    request = _request(*names)
    assert not _replay().restore(request)
    assert _request(*names) == request


def test_a_field_is_written_over() -> None:
    """What is in a request already stays as it is."""
    outcome = read("chat", Case("", WANTED[0]["body"].encode())).outcome
    replay = Replay()
    replay.keep(outcome)
    replay.keep(Outcome())
    request = _request(outcome.calls[0].name)
    request["messages"][1]["reasoning_content"] = "mine"
    assert not replay.restore(request)
    assert "mine" == request["messages"][1]["reasoning_content"]
