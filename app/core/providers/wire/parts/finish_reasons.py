"""The finish reasons of all protocols and providers, in one table."""

import re

from .....models.chat import FinishReason

#: Characters of a provider's word that a message repeats.
SHOWN = 60

_WORDS: dict[FinishReason, str] = {
    "stop": """stop end end_turn stop_sequence eos eos_token eot complete completed done finished
        normal load unload""",
    "length": """length max_tokens max_token max_output_tokens max_completion_tokens max_new_tokens
        max_length model_length token_limit length_limit context_length context_length_exceeded
        context_window_exceeded model_context_window_exceeded pause_turn""",
    "content_filter": """content_filter content_filtered filtered filter safety refusal recitation
        blocklist blocked prohibited_content spii language sensitive moderation policy_violation
        guardrail guardrail_intervened guardrails model_armor image_safety image_recitation
        image_prohibited_content""",
    "tool_calls": "tool_calls tool_call tool_use function_call function_calls",
}

_TABLE: dict[str, FinishReason] = {
    word: reason for reason, words in _WORDS.items() for word in words.split()
}

_FAILURE_WORDS = """error failed failure insufficient_system_resource network_error server_error
    internal_error engine_error overloaded unavailable timeout abort aborted cancelled canceled
    other unspecified unknown malformed_function_call unexpected_tool_call too_many_tool_calls
    malformed_response missing_thought_signature no_image image_other"""

#: Words that are known to mean a failure; like them, a word that nobody knows fails the answer.
FAILURES = frozenset(_FAILURE_WORDS.split())

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def finish_reason(word: str) -> FinishReason:
    """Our finish reason for a provider's word, in any case; `error` for a failure or an unknown
    word."""
    return _TABLE.get(_plain(word), "error")


def failure_message(word: str, detail: str = "") -> str:
    """The message for an answer that ended with a word for a failure, or with an unknown one."""
    shown = word[:SHOWN]
    known = _plain(word) in FAILURES
    kind = "the finish reason" if known else "a finish reason that is not known,"
    return f"The provider ended its answer with {kind} {shown!r}{detail}."


def _plain(word: str) -> str:
    word = _CAMEL.sub("_", word[:SHOWN].strip()).lower().replace("-", "_").replace(" ", "_")
    return word.rpartition(".")[2].removeprefix("finish_reason_")
