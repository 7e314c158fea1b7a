"""What one response of a provider came to."""

from dataclasses import dataclass, field
from typing import Any

from ....models.chat import FinishReason, Usage


@dataclass(slots=True)
class ProviderError:
    """Why a provider's answer failed: in the provider's own words wherever it sent some.

    `status` is the HTTP status that the error stands for, if the provider named one; `retry_after`
    is the header of a response with that status.
    """

    message: str
    code: str | None = None
    status: int | None = None
    retry_after: str | None = None


@dataclass(slots=True)
class WrittenCall:
    """A tool call as the model wrote it. `arguments` is the text, which may be no JSON at all.

    `extra` has the fields that some providers want back with the call (`extra_content`,
    `thought_signature`).
    """

    id: str
    name: str
    arguments: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """How a response ended, and all that came with it beside its text.

    `finish_reason` is None until the end is known. A body that ended without a finish reason has
    `upstream_cut`, any other failure has `error`; both have `error` set, and no calls. `usage` is
    that of this response alone.
    `replay` has the fields of the message that some providers want back with its tool calls
    (`reasoning_content`, `reasoning_details`).
    """

    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    error: ProviderError | None = None
    calls: list[WrittenCall] = field(default_factory=list)
    model: str | None = None
    replay: dict[str, Any] = field(default_factory=dict)
