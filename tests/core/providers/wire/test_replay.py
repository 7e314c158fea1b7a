"""What goes back with tool calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.providers.wire.outcome import Outcome
from app.core.providers.wire.replay import Replay
from tests.core.providers.wire.reading import Case, read

REPORTED = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "provider_streams.jsonl").read_text().splitlines()
]
WANTED = [reported for reported in REPORTED if "sent" in reported["expect"]]


def _request(*ids: str) -> dict[str, Any]:
    """The next request of a run, as Agno writes it."""
    calls = [{"id": id, "type": "function", "function": {"name": "f"}} for id in ids]
    return {
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": calls}]
    }


@pytest.mark.parametrize("reported", WANTED, ids=lambda reported: reported["name"])
def test_a_provider_misses_what_it_sent(reported: dict[str, Any]) -> None:
    """What a provider wants back goes into the message with its call, and only there."""
    outcome = read("chat", Case("", reported["body"].encode())).outcome
    replay = Replay()
    replay.keep(outcome)
    request = _request(outcome.calls[0].id)
    assert replay.restore(request)
    assert reported["expect"]["sent"] in json.dumps(request["messages"][1])
    assert not replay.restore(request)
    other = _request("other")
    assert not replay.restore(other)
    assert _request("other") == other


def test_a_field_is_written_over() -> None:
    """What is in a request already stays as it is."""
    outcome = read("chat", Case("", WANTED[0]["body"].encode())).outcome
    replay = Replay()
    replay.keep(outcome)
    replay.keep(Outcome())
    request = _request(outcome.calls[0].id)
    request["messages"][1]["reasoning_content"] = "mine"
    assert not replay.restore(request)
    assert "mine" == request["messages"][1]["reasoning_content"]
