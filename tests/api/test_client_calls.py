"""Which of a run's tool calls the doors send to the client."""

import pytest

from app.api.client_calls import is_for_client
from app.models.chat import ToolCall


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        (None, False),
        (ToolCall("1", "weather", "started"), False),
        (ToolCall("1", "weather", "completed", result="12 °C"), False),
        (ToolCall("1", "weather", "failed"), False),
        (ToolCall("1", "weather", "paused", arguments_text='{"city": "Bern"}'), True),
        (ToolCall("1", "weather", "paused", arguments_text=""), True),
        (ToolCall("1", "approve", "paused"), False),
    ],
)
def test_only_paused_calls_of_client_tools_are_for_the_client(
    tool: ToolCall | None, expected: bool
) -> None:
    """A call is the client's if it waits and has the arguments that the model wrote."""
    assert expected is is_for_client(tool)
