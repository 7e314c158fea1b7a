"""The errors of the client: the table of codes, against the registry of the server."""

from collections.abc import Iterator
from typing import Any

import pytest

from agno_stream import (
    AgnoStreamError,
    AnswerFailed,
    AnswerStopped,
    AnswerTimeout,
    Config,
    RequestRefused,
    failures,
)
from agno_stream import errors as client
from app.core.error_codes import REGISTRY
from app.core.run_failures import RunFailed
from tests.client.foreign import foreign
from tests.client.shells import Shell

TIMEOUTS = {"timeout_first_token", "timeout_idle", "timeout_total"}
STOPS = {"cancelled", "disconnected"}


def tree(base: type[Any]) -> Iterator[type[Any]]:
    """All classes below a class."""
    for kind in base.__subclasses__():
        yield kind
        yield from tree(kind)


FAILURES = {"error"} | {error.code for error in tree(RunFailed) if "code" in vars(error)}
SENT = REGISTRY.keys() - {"configuration_error"}  # which ends the server before it serves


def expected_class(code: str) -> type[AgnoStreamError]:
    if code in TIMEOUTS:
        return AnswerTimeout
    if code in STOPS:
        return AnswerStopped
    if code in FAILURES:
        return AnswerFailed
    return client.CLASSES_BY_STATUS.get(REGISTRY[code].status, RequestRefused)


@pytest.mark.parametrize("code", sorted(SENT))
def test_class_of_a_server_code(code: str) -> None:
    """Each code of the server is in the table, with the class of its kind and status."""
    assert expected_class(code) is client.CLASSES[code]


def test_codes_of_the_client_alone() -> None:
    """The codes that are in the table and not the server's are those of lost connections."""
    own = {"server_unreachable", "foreign_server", "connection_lost"}
    assert own == client.CLASSES.keys() - SENT


def test_error_without_a_docstring() -> None:
    """Each error class says when it is raised."""
    for kind in tree(AgnoStreamError):
        assert str(kind.__doc__).startswith("Raised if "), kind


@pytest.mark.parametrize("code", ["conversation_busy", "gap", "of_a_newer_server"])
def test_answer_that_ends_with_another_code(code: str) -> None:
    """An answer whose last chunk has the code of a refusal, or an unknown one, has failed."""
    assert type(failures.run_failure({"code": code, "message": "x"})) is AnswerFailed


@pytest.mark.parametrize(("status", "kind"), client.CLASSES_BY_STATUS.items())
def test_refusal_with_an_unknown_code(status: int, kind: type[AgnoStreamError]) -> None:
    """A refusal with an unknown code has the class of its status."""
    assert type(failures.refusal({"code": "of_a_newer_server"}, status)) is kind


REFUSAL = (
    b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nRetry-After: 7\r\n"
    b'Content-Type: application/json\r\n\r\n{"error":{"code":"rate_limited","message":"Wait."}}'
)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("generate", ("Hello?",)),
        ("run", ("r",)),
        ("cancel", ("r",)),
        ("models", ()),
        ("agents", ()),
        ("conversations", ()),
        ("conversation", ("c",)),
        ("delete_conversation", ("c",)),
    ],
)
async def test_retry_after_of_a_refused_call(
    shell: Shell, name: str, arguments: tuple[str, ...]
) -> None:
    """Every call that is refused has the `Retry-After` of the response, in seconds."""
    with foreign(REFUSAL) as url, pytest.raises(client.Overloaded) as raised:
        await shell.call(Config(url=url, raise_on_error=True), name, *arguments)
    assert 7.0 == raised.value.retry_after


async def test_retry_after_of_refused_streams(shell: Shell) -> None:
    """A stream that is refused, and a run whose events are, have the `Retry-After`, too."""
    with foreign(REFUSAL) as url:
        (question,) = await shell.stream(Config(url=url), "Hello?")
        (events,) = await shell.resume(Config(url=url, retries=0), "r")
    assert question.failure is not None
    assert 7.0 == question.failure.retry_after
    assert events.failure is not None
    assert isinstance(events.failure.__cause__, client.Overloaded)
    assert 7.0 == events.failure.__cause__.retry_after
