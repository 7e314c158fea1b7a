"""Writes the files that are made from the code: `make docs`. A test compares them with the code."""

import json
from pathlib import Path

from app.core.error_codes import REGISTRY, ErrorCode

ROOT = Path(__file__).resolve().parents[1]

#: Codes that no client receives.
INTERNAL = frozenset({"already_asked", "configuration_error"})

ERRORS_HEAD = """# Errors

Every error has a stable `code` for programs and a `message` for people. Before the first byte of
an answer it is the body of a response, with the status below and, where waiting helps,
`Retry-After`:

```json
{"error": {"code": "unknown_agent", "message": "There is no agent 'x'. Available agents: general."}}
```

After the first byte it is in the last chunk: `"error": {"code", "message"}` beside `finish_reason`;
see [protocol.md](protocol.md). The OpenAI and Ollama doors answer with the same statuses in the
shape of their protocol. "Retry" says that an equal request may succeed later.

This page is made from `app/core/error_codes/` by `make docs`.

| code | status | what happened | what to do | retry |
|---|---|---|---|---|
"""

SCRIPT_HEAD = """// Made from app/core/error_codes/ by `make docs`: what each code means.

/** @typedef {{summary: string, advice: string, retryable: boolean}} Meaning */
/** @type {Record<string, Meaning>} */
export const ERRORS = """


def _row(row: ErrorCode) -> str:
    retry = "yes" if row.retryable else ""
    return f"| `{row.code}` | {row.status} | {row.summary} | {row.advice} | {retry} |\n"


def errors_page() -> str:
    """docs/errors.md."""
    rows = sorted((r for r in REGISTRY.values() if r.code not in INTERNAL), key=lambda r: r.status)
    return ERRORS_HEAD + "".join(_row(row) for row in rows)


def errors_script() -> str:
    """The chat page's table of errors: one line for each code."""
    lines = "".join(
        f"  {json.dumps(row.code)}: {_meaning(row)},\n"
        for row in REGISTRY.values()
        if row.code not in INTERNAL
    )
    return f"{SCRIPT_HEAD}{{\n{lines}}}\n"


def _meaning(row: ErrorCode) -> str:
    meaning = {"summary": row.summary, "advice": row.advice, "retryable": row.retryable}
    return json.dumps(meaning, ensure_ascii=False)


GENERATED = {
    ROOT / "docs" / "errors.md": errors_page,
    ROOT / "app" / "api" / "static" / "errors.js": errors_script,
}

if __name__ == "__main__":
    for file, render in GENERATED.items():
        file.write_text(render(), encoding="utf-8")
