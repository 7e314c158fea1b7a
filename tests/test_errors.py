"""The registry of errors holds everything together that speaks of errors."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.api import openai_errors
from app.api.doors.responses import resource
from app.core import errors, run_failures
from app.core.error_codes import REGISTRY, ErrorCode
from app.models.chat import ErrorInfo
from docs.generate import GENERATED


def classes(base: type[errors.AgnoStreamError]) -> Iterator[type[errors.AgnoStreamError]]:
    for child in base.__subclasses__():
        if child.__module__.startswith((errors.__name__, run_failures.__name__)):
            yield child
            yield from classes(child)


#: The tree of errors as the package and the module draw it.
TREE = f"{errors.__doc__}\n{run_failures.__doc__}"

#: Classes whose code is chosen when they are raised or that of their base, or that are never raised
#: themselves.
WITHOUT_CODE = {
    errors.Forbidden,
    run_failures.RunFailed,
    run_failures.RunTimeout,
    run_failures.RunStopped,
    run_failures.TakenOver,
    run_failures.HandedOver,
}

#: Codes that only `RunTimeout` and `RunStopped` are given.
CHOSEN = {"timeout_first_token", "timeout_idle", "timeout_total", "cancelled", "disconnected"}


def test_every_error_class_has_a_row_of_its_own() -> None:
    """Each class has a code of the registry that no other class has, and each code has a class."""
    coded = [one for one in classes(errors.AgnoStreamError) if one not in WITHOUT_CODE]
    codes = [one.code for one in coded]
    assert sorted(set(codes)) == sorted(codes)
    assert set(REGISTRY) == {*codes, *CHOSEN, errors.AgnoStreamError.code}
    for one in coded:
        assert "code" in vars(one), one


@pytest.mark.parametrize("one", list(classes(errors.AgnoStreamError)), ids=lambda one: one.__name__)
def test_every_error_class_is_explained(one: type[errors.AgnoStreamError]) -> None:
    """Each class has a docstring, and stands in the tree that the module draws."""
    assert vars(one).get("__doc__")
    assert re.search(rf"^(.*── )?{one.__name__}\b", TREE, re.MULTILINE)


@pytest.mark.parametrize("row", list(REGISTRY.values()), ids=lambda row: row.code)
def test_every_row_is_a_sentence_for_people(row: ErrorCode) -> None:
    """Each row says in whole sentences what happened and what to do, with a status of HTTP."""
    assert 400 <= row.status <= 599
    for text in (row.summary, row.advice):
        assert text.endswith(".")
        assert text[0].isupper()


@pytest.mark.parametrize("file", list(GENERATED), ids=lambda file: file.name)
def test_generated_files_are_those_of_the_code(file: Path) -> None:
    """What `make docs` would write is what is committed."""
    assert GENERATED[file]() == file.read_text(encoding="utf-8")


def test_the_openai_doors_translate_codes_that_exist() -> None:
    """OpenAI's words for codes and statuses are for codes of the registry."""
    assert set(openai_errors.CODES) <= set(REGISTRY)
    assert set(resource.CODES) <= set(REGISTRY)
    assert set(openai_errors.STATUSES) <= set(REGISTRY)


async def test_the_openapi_document_names_every_code(http: httpx.AsyncClient) -> None:
    """A client that is generated from the document can know every code."""
    document = (await http.get("/openapi.json")).json()
    error = document["components"]["schemas"]["Error"]["properties"]["error"]
    assert sorted(REGISTRY) == error["properties"]["code"]["examples"]


@pytest.mark.parametrize("code", [*REGISTRY, "of_a_newer_release"])
def test_a_failed_answer_has_the_status_of_its_code(code: str) -> None:
    """An answer that failed is refused with the status of its code; one that only another release
    knows is an error of the server, not of the client."""
    failure = run_failures.failure_from(ErrorInfo(code=code, message="It failed.", retry_after=3))
    assert (REGISTRY[code].status if code in REGISTRY else 500, "It failed.", 3) == (
        failure.status,
        failure.message,
        failure.retry_after,
    )
