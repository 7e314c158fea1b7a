"""What a request asks for that the server does not do: passed over, and named in a header."""

import logging
from typing import Any

from ...ignored import HEADER, PLAIN
from .input import KNOWN
from .requests import ResponseRequest
from .tools import HostedTool

logger = logging.getLogger(__name__)

#: Fields that change nothing here: what they request is always so, or OpenAI's own affair.
TOLERATED = frozenset(
    {
        *("include", "stream_options", "top_logprobs", "truncation", "client_metadata"),
        *("prompt_cache_retention", "prompt_cache_options", "context_management", "moderation"),
    }
)

#: Names that the header shows, at most.
SHOWN = 20


def passed_over(body: ResponseRequest, fields: dict[str, Any]) -> dict[str, str]:
    """Return the header that names unknown fields, tools and items; empty if there are none."""
    known = ResponseRequest.model_fields.keys() | TOLERATED
    names = [name for name in fields if name not in known and PLAIN.fullmatch(name)]
    for place, of_kind in (
        ("tools", [t.type if isinstance(t, HostedTool) else None for t in body.tools or []]),
        ("input", [None if item.type in KNOWN else item.type for item in body.input]),
    ):
        names += [
            f"{place}.{n} ({kind})"
            for n, kind in enumerate(of_kind)
            if kind is not None and PLAIN.fullmatch(kind)
        ]
    if not names:
        return {}
    value = ", ".join(names[:SHOWN])
    logger.info("a request has parts that this server does not know: %s", value)
    return {HEADER: value}
