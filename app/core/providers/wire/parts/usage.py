"""Token counts, whatever a protocol calls them."""

from collections.abc import Mapping
from typing import Any

from .....models.chat import Usage

#: Tokens beyond which a count is taken for rubbish.
MOST = 10**12

#: Counts of one response that are looked at, at most.
MOST_COUNTS = 64

_INPUT = ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count")
_OUTPUT = ("completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count")
_TOTAL = ("total_tokens", "totalTokenCount")
#: What Anthropic counts beside its `input_tokens`, not within it.
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
_DETAILS = (
    ("input", ("prompt_tokens_details", "input_tokens_details")),
    ("output", ("completion_tokens_details", "output_tokens_details")),
)


def usage_of(counts: Mapping[str, Any]) -> Usage | None:
    """The tokens of a response; None if nothing in `counts` is a number of tokens above 0."""
    details = {side: _first_mapping(counts, names) for side, names in _DETAILS}
    thoughts = tokens(counts.get("thoughtsTokenCount"))
    read = tokens(counts.get("cache_read_input_tokens"))
    before = _first(counts, _INPUT) + sum(tokens(counts.get(name)) for name in _BESIDE)
    before += tokens(counts.get("toolUsePromptTokenCount"))
    after = _first(counts, _OUTPUT) + thoughts
    if not before and not after and not _first(counts, _TOTAL):
        return None
    cached = tokens(details["input"].get("cached_tokens")) or read
    return Usage(
        input_tokens=before,
        output_tokens=after,
        total_tokens=max(before + after, _first(counts, _TOTAL)),
        reasoning_tokens=tokens(details["output"].get("reasoning_tokens")) or thoughts,
        cached_tokens=cached
        or _first(counts, ("cachedContentTokenCount", "prompt_cache_hit_tokens")),
    )


def present(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Counts without those that are null: they do not undo an earlier one."""
    return {name: count for name, count in counts.items() if count is not None}


def cleaned(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Counts as an SDK can take them: details are numbers, and nothing is null."""
    clean: dict[str, Any] = {}
    for name, value in counts.items():
        if isinstance(value, Mapping):
            clean[name] = {key: tokens(count) for key, count in value.items()}
        elif not name.endswith("_details") and value is not None:
            clean[name] = value
    return clean


def chat_counts(counts: Mapping[str, Any], usage: Usage | None) -> dict[str, Any]:
    """Counts of a chat completion, with the three as numbers that its SDK needs."""
    return {
        **cleaned(counts),
        "prompt_tokens": usage.input_tokens if usage else 0,
        "completion_tokens": usage.output_tokens if usage else 0,
        "total_tokens": usage.total_tokens if usage else 0,
    }


def response_counts(counts: Mapping[str, Any], usage: Usage) -> dict[str, Any]:
    """Counts of a response, with those as numbers that its SDK needs."""
    return {
        **cleaned(counts),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def message_counts(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of a message of Anthropic's as its SDK takes them: numbers of tokens are numbers."""
    return {
        name: tokens(count) if name.endswith("_tokens") else count for name, count in counts.items()
    }


def tokens(value: Any) -> int:
    """A number of tokens, also written as a string or with a fraction; 0 for anything else."""
    if isinstance(value, str):
        value = int(value) if len(value) < 14 and value.strip().isdecimal() else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MOST:
        return 0
    return int(value)


def _first(counts: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return next((count for name in names if (count := tokens(counts.get(name)))), 0)


def _first_mapping(counts: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    return next((d for name in names if isinstance(d := counts.get(name), Mapping)), {})
