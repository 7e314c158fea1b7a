"""Errors for which no run is started, found or continued."""

from .base import AgnoStreamError
from .requests import InvalidField, NotFound


class UnknownRun(NotFound):
    """No run of this principal has this id, or it is no longer kept."""

    code = "unknown_run"


class UnknownConversation(NotFound):
    """No conversation of this principal has this id."""

    code = "unknown_conversation"


class UnknownTurn(NotFound):
    """The conversation has no turn of this id."""

    code = "unknown_turn"


class UnknownMedia(NotFound):
    """No run of this principal has kept this media."""

    code = "unknown_media"


class ConversationBusy(AgnoStreamError):
    """A request with `on_busy: reject`, while another run answers in the conversation."""

    code = "conversation_busy"


class AlreadyAsked(AgnoStreamError):
    """A run with the requested id exists: a client must follow it instead of starting it."""

    code = "already_asked"


class NotPaused(AgnoStreamError):
    """A run that cannot be continued, because it does not wait for a person, or because another run
    continues it: `details` has `continued_by` then."""

    code = "not_paused"


class InvalidDecision(InvalidField):
    """Decisions that do not fit what a run waits for; `details` has `decisions`, each with its
    problem."""

    code = "invalid_decision"


class Gap(AgnoStreamError):
    """Entries of a log that are no longer kept; `details` has `base`, the last missing number."""

    code = "gap"


class TooManyRuns(AgnoStreamError):
    """A principal has reached its own limit of concurrent runs."""

    code = "too_many_runs"


class RateLimited(AgnoStreamError):
    """A principal has used up its requests or tokens for the current period."""

    code = "rate_limited"


class Overloaded(AgnoStreamError):
    """The server accepts no new runs: it shuts down, or is at its limit of concurrent runs."""

    code = "overloaded"


class JournalUnavailable(AgnoStreamError):
    """The journal failed, and the requested entries are not in memory."""

    code = "journal_unavailable"
