"""Every error of the client, each with a stable code.

AgnoStreamError
├── ServerUnreachable   server_unreachable   no server answers at the address
├── ForeignServer       foreign_server       what answers there is another server
├── ConnectionLost      connection_lost      the connection broke, and was not to be had again
├── AnswerTimeout       timeout_first_token | timeout_idle | timeout_total
├── RequestRefused                           the server said no before the answer began
│   ├── NotAllowed      401, 403
│   ├── NotFound        404, as unknown_model, unknown_run
│   └── Overloaded      429, 503
└── AnswerFailed                             the answer did not end well, as upstream_cut
    └── AnswerStopped   cancelled | disconnected

Codes without a name here are the server's own; its documentation lists them.
"""

from collections.abc import Mapping
from typing import Any


class AgnoStreamError(Exception):
    """Base of the tree.

    `message` is a sentence for people, `code` a stable name for programs. `status_code` is the
    HTTP status, where there was one. `text` is what had come of the answer until then,
    `run_id` and `number` the place where it can be resumed. `retry_after` is in seconds.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.status_code = status_code
        self.retry_after = retry_after
        self.text = ""
        self.run_id: str | None = None
        self.number = 0

    def __str__(self) -> str:
        """The message; what is missing and what took too long say so in their first words."""
        if self.code.startswith("timeout_"):
            return f"Timeout: {self.message}"
        if self.code.startswith("unknown_") or self.code.endswith("not_found"):
            return f"Not found: {self.message}"
        return self.message

    def raw(self) -> dict[str, Any]:
        """The last chunk that the server would have sent."""
        stopped = isinstance(self, AnswerTimeout | AnswerStopped)
        info = {"code": self.code, "message": self.message}
        reason = self.code if stopped else "error"
        return {"content": "", "done": True, "finish_reason": reason, "error": info}


class ServerUnreachable(AgnoStreamError):
    code = "server_unreachable"


class ForeignServer(AgnoStreamError):
    code = "foreign_server"


class ConnectionLost(AgnoStreamError):
    code = "connection_lost"


class AnswerTimeout(AgnoStreamError):
    code = "timeout_total"


class RequestRefused(AgnoStreamError):
    code = "bad_request"


class NotAllowed(RequestRefused):
    code = "unauthorized"


class NotFound(RequestRefused):
    code = "not_found"


class Overloaded(RequestRefused):
    code = "overloaded"


class AnswerFailed(AgnoStreamError):
    code = "error"


class AnswerStopped(AnswerFailed):
    code = "cancelled"


_REFUSALS: dict[int, type[RequestRefused]] = {
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    429: Overloaded,
    503: Overloaded,
}


def ending(info: Mapping[str, Any], status_code: int | None = None) -> AgnoStreamError:
    """What the `error` of an answer's last chunk tells; `info` is its `{code, message}`."""
    code = str(info.get("code") or "error")
    kind: type[AgnoStreamError] = AnswerFailed
    if code.startswith("timeout_"):
        kind = AnswerTimeout
    elif code in ("cancelled", "disconnected"):
        kind = AnswerStopped
    return kind(
        str(info.get("message") or code),
        code=code,
        status_code=status_code,
        retry_after=info.get("retry_after"),
    )


def refusal(info: Mapping[str, Any], status_code: int) -> AgnoStreamError:
    """What a refused request was told; a run that failed before its first byte, if it had one."""
    if "finish_reason" in info:
        failure = ending(info, status_code)
        failure.text = str(info.get("content") or "")
        failure.run_id = info.get("run_id")
        return failure
    kind = _REFUSALS.get(status_code, RequestRefused)
    code = str(info.get("code") or kind.code)
    return kind(
        str(info.get("message") or code),
        code=code,
        status_code=status_code,
        retry_after=info.get("retry_after"),
    )
