"""One attempt at a request to a model: why it failed, and the messages that it repeats."""

from agno.models.base import Model
from agno.models.message import Message

from ..run_failures import RunFailed
from .failures import classify, failure_of
from .http.exchange import Exchange
from .wire.replay import KEY, Past


class Incomplete(Exception):
    """The response came to its end, and that was not the end of an answer."""


def failure_in(exchange: Exchange, error: Exception, model: Model, *, spoke: bool) -> RunFailed:
    """Return why an attempt failed that raised this error; `spoke` is True after its first
    token."""
    key = getattr(model, "api_key", None)
    outcome = exchange.outcome
    if isinstance(error, RunFailed):
        return error
    if outcome is not None and (outcome.error is not None or isinstance(error, Incomplete)):
        return failure_of(outcome, error, model.id, spoke=spoke, key=key)
    # The head of a response has come: what is lost after it was cut.
    cut = spoke or outcome is not None
    return classify(error, model.id, spoke=cut, key=key)


def past_of(message: Message) -> Past | None:
    """A message that calls functions; None for another one."""
    if message.role != "assistant" or not message.tool_calls:
        return None
    names = [(call.get("function") or {}).get("name") for call in message.tool_calls]
    return Past(names, (message.provider_data or {}).get(KEY))
