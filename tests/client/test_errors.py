"""The errors of the client: the table of codes, against the errors of the server."""

from collections.abc import Iterator
from typing import Any

import pytest

from agno_stream import (
    AgnoStreamError,
    AnswerFailed,
    AnswerStopped,
    AnswerTimeout,
    RequestRefused,
)
from agno_stream import errors as client
from app.core import errors as server

TIMEOUTS = {"timeout_first_token", "timeout_idle", "timeout_total"}
STOPS = {"cancelled", "disconnected"}


def tree(base: type[Any]) -> Iterator[type[Any]]:
    """All classes below a class."""
    for kind in base.__subclasses__():
        yield kind
        yield from tree(kind)


def expected_class(error: type[server.AgnoStreamError]) -> type[AgnoStreamError]:
    if issubclass(error, server.RunFailed):
        return AnswerFailed
    return client.CLASSES_BY_STATUS.get(error.status, RequestRefused)


SENT = [
    error
    for error in tree(server.AgnoStreamError)
    if error.__module__ == server.__name__
    and "code" in vars(error)
    and error is not server.ConfigurationError  # ends the server before it serves
]


@pytest.mark.parametrize("error", SENT, ids=lambda error: error.__name__)
def test_class_of_a_server_code(error: type[server.AgnoStreamError]) -> None:
    """Each code of the server is in the table, with the class of its kind and status."""
    assert expected_class(error) is client.CLASSES[error.code]


def test_classes_of_timeouts_and_stops() -> None:
    """The codes that the server sets for each run have classes of their own."""
    kinds = client.CLASSES.items()
    assert {code for code, kind in kinds if kind is AnswerTimeout} == TIMEOUTS
    assert {code for code, kind in kinds if kind is AnswerStopped} == STOPS


def test_error_without_a_docstring() -> None:
    """Each error class says when it is raised."""
    for kind in tree(AgnoStreamError):
        assert str(kind.__doc__).startswith("Raised if "), kind


@pytest.mark.parametrize("code", ["conversation_busy", "gap", "of_a_newer_server"])
def test_answer_that_ends_with_another_code(code: str) -> None:
    """An answer whose last chunk has the code of a refusal, or an unknown one, has failed."""
    assert type(client.run_failure({"code": code, "message": "x"})) is AnswerFailed


@pytest.mark.parametrize(("status", "kind"), client.CLASSES_BY_STATUS.items())
def test_refusal_with_an_unknown_code(status: int, kind: type[AgnoStreamError]) -> None:
    """A refusal with an unknown code has the class of its status."""
    assert type(client.refusal({"code": "of_a_newer_server"}, status)) is kind
