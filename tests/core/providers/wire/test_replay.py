"""What goes back with tool calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.providers.wire.outcome import Outcome, WrittenCall
from app.core.providers.wire.replay import Past, Replay, kept, kept_of
from tests.core.providers.wire.reading import Case, read

REPORTED = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "provider_streams.jsonl").read_text().splitlines()
]
WANTED = [reported for reported in REPORTED if "sent" in reported["expect"]]


def _request(*names: str) -> dict[str, Any]:
    """A request whose history has a message with a call for each name."""
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    for n, name in enumerate(names):
        call = {"id": f"call_{n:035}", "type": "function", "function": {"name": name}}
        messages.append({"role": "assistant", "tool_calls": [call]})
    return {"messages": messages}


def _replay(*names: str, host: str | None = "h") -> Replay:
    """A history of three messages with calls: one that came with nothing, one with reasoning, one
    whose call had a field of its own."""
    found = [
        None,
        kept({"reasoning": "hm"}, [{}], host),
        kept({}, [{"extra_content": "SIG"}], host),
    ]
    return Replay([Past([name], one) for name, one in zip(names, found, strict=True)])


@pytest.mark.parametrize("reported", WANTED, ids=lambda reported: reported["name"])
def test_a_provider_misses_what_it_sent(reported: dict[str, Any]) -> None:
    """What a provider wants back goes into the message with its call, under any id."""
    outcome = read("chat", Case("", reported["body"].encode())).outcome
    replay = Replay([Past([call.name for call in outcome.calls], kept_of(outcome, "h"))])
    request = _request(outcome.calls[0].name)
    assert replay.restore(request, "h")
    assert reported["expect"]["sent"] in json.dumps(request["messages"][1])
    assert not replay.restore(request, "h")


def test_a_message_gets_what_another_has_kept() -> None:
    """Messages are matched in their order."""
    request = _request("weather", "weather", "clock")
    assert _replay("weather", "weather", "clock").restore(request, "h")
    _, first, second, third = request["messages"]
    assert (None, "hm") == (first.get("reasoning"), second["reasoning"])
    assert "SIG" == third["tool_calls"][0]["extra_content"]


@pytest.mark.parametrize("names", [(), ("other",), ("clock", "weather")])
def test_another_call_gets_what_was_kept(names: tuple[str, ...]) -> None:
    """A request whose calls are not those of the history stays as it is."""
    request = _request(*names)
    assert not _replay("weather", "weather", "clock").restore(request, "h")
    assert _request(*names) == request


@pytest.mark.parametrize(("host", "restored"), [("h", True), (None, True), ("other", False)])
def test_another_provider_gets_what_was_kept(host: str | None, restored: bool) -> None:
    """What one provider sent goes to no other; what a client sends goes to the one it chose."""
    request = _request("weather", "weather", "clock")
    assert restored == _replay("weather", "weather", "clock", host=host).restore(request, "h")


@pytest.mark.parametrize(
    ("outcome", "keeps"),
    [
        (Outcome(), False),
        (Outcome(replay={"reasoning": "hm"}), False),
        (Outcome(calls=[WrittenCall("c", "f", "{}")]), False),
        (Outcome(calls=[WrittenCall("c", "f", "{}")], replay={"reasoning": "hm"}), True),
        (Outcome(calls=[WrittenCall("c", "f", "{}", {"extra_content": 1})]), True),
    ],
)
def test_nothing_is_kept(outcome: Outcome, keeps: bool) -> None:
    """Only a response with calls is kept, and only if something came with them."""
    assert keeps == (kept_of(outcome, "h") is not None)


def test_a_field_is_written_over() -> None:
    """What is in a request already stays as it is."""
    outcome = read("chat", Case("", WANTED[0]["body"].encode())).outcome
    name = outcome.calls[0].name
    replay = Replay([Past([name], kept_of(outcome, "h"))])
    request = _request(name)
    request["messages"][1]["reasoning_content"] = "mine"
    assert not replay.restore(request, "h")
    assert "mine" == request["messages"][1]["reasoning_content"]
