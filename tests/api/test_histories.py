"""A client's messages become a question with the stored history, or with their own."""

import pytest

from app.api.histories import SplitMessages, history_or_memory
from app.core.question import PastMessage, Picture

SYSTEM = PastMessage("system", "Be brief.")
RULES = PastMessage("system", "Be kind.")
EARLIER = PastMessage("user", "Hello?")
ANSWER = PastMessage("assistant", "Hi.")
RESULT = PastMessage("tool", "12 °C")
IMAGE = Picture(url="https://example.org/a.png")
QUESTION = PastMessage("user", "And now?", images=(IMAGE,))


@pytest.mark.parametrize(
    ("messages", "kept", "expected"),
    [
        ([QUESTION], True, SplitMessages("And now?", [IMAGE])),
        (
            [SYSTEM, RULES, QUESTION],
            True,
            SplitMessages("And now?", [IMAGE], "Be brief.\n\nBe kind."),
        ),
        (
            [EARLIER, ANSWER, QUESTION],
            True,
            SplitMessages("And now?", [IMAGE], history=[EARLIER, ANSWER]),
        ),
        ([RESULT], True, SplitMessages(None, history=[RESULT])),
        ([SYSTEM], True, SplitMessages(None, history=[SYSTEM])),
        ([], True, SplitMessages(None, history=[])),
        ([QUESTION], False, SplitMessages("And now?", [IMAGE], history=[])),
        ([SYSTEM, QUESTION], False, SplitMessages("And now?", [IMAGE], history=[SYSTEM])),
    ],
)
def test_history_replaces_memory_unless_only_the_question_is_new(
    messages: list[PastMessage], kept: bool, expected: SplitMessages
) -> None:
    """Only a lone question in a kept conversation continues from the stored messages."""
    before = list(messages)
    assert expected == history_or_memory(messages, kept=kept)
    assert before == messages
