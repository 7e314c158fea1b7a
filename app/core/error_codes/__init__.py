"""The registry of errors: every code, its HTTP status, and what it means to the people who meet it.

Statuses, the OpenAPI document, `docs/errors.md` and the chat page's sentences are made from this
table (`make docs` writes the files). A code is part of the protocol: it is never reused or renamed.

See docs/decisions/029-one-registry-of-errors.md.
"""

from .code import ErrorCode
from .requests import REQUESTS
from .runs import RUNS

#: Every error of the server by its code.
REGISTRY: dict[str, ErrorCode] = {row.code: row for row in (*REQUESTS, *RUNS)}

__all__ = ["REGISTRY", "ErrorCode"]
