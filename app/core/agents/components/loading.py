"""Imports what `AGENTS` names: `module:attribute`, several of them with commas."""

import asyncio
import importlib
import inspect
import sys
import threading
import traceback
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from .kinds import is_factory, kind_of

#: What can be served, for messages about what cannot.
SERVED = "an Agent, a Team, a Workflow, a factory of these, or a list of them"


def load_agents(references: str) -> list[Any]:
    """Import everything that is named, in its order.

    A reference is to an agent, team, workflow or factory, to a list of them, or to a function
    without parameters that returns them, which may be a coroutine function. A function with
    parameters is a factory, called for each request.

    Raises `ConfigurationError`, which names the file and the line where a module fails.
    """
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # like uvicorn: the user's module is in the working directory
    found: list[Any] = []
    for reference in (part.strip() for part in references.split(",")):
        if reference:
            found += gathered(_load(reference), f"{reference!r}")
    return found


def gathered(found: Any, where: str) -> list[Any]:
    """What can be served among what was found; `where` says where, for error messages.

    Raises `ConfigurationError` for everything else.
    """
    if kind_of(found) is not None:
        return [found]
    served = [getattr(found, name, None) for name in ("agents", "teams", "workflows")]
    if type(found).__name__ == "AgentOS":
        return [thing for things in served for thing in things or []]
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, Iterable) and not isinstance(found, str | bytes):
        return [thing for item in found for thing in gathered(_resolved(item), where)]
    name = getattr(found, "name", None) or getattr(found, "__name__", None)
    shown = f"{name!r}, " if isinstance(name, str) else ""
    kind = type(found) if not isinstance(found, type) else found
    article = "the class" if isinstance(found, type) else "an object of the class"
    raise ConfigurationError(
        f"AGENTS: {where} contains {shown}{article} {kind.__module__}.{kind.__qualname__}, which "
        f"cannot be served. Name {SERVED}."
    )


def _load(reference: str) -> Any:
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"AGENTS: {reference!r} is not 'module:attribute'.")
    try:
        found = importlib.import_module(module_name)
        for name in attribute.split("."):
            found = getattr(found, name)
        return _resolved(found)
    except ConfigurationError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise ConfigurationError(
            f"AGENTS: {reference!r} cannot be loaded: {type(error).__name__}: {error}"
            f"{_place(error)}"
        ) from error


def _resolved(found: Any) -> Any:
    """What a function without parameters returns; anything else as it is."""
    if inspect.isroutine(found) and not is_factory(found):
        found = found()
    return _awaited(found) if inspect.iscoroutine(found) else found


def _awaited(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, run in a thread: the caller's event loop may be running."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def _place(error: Exception) -> str:
    """The file and the line of an error: the innermost one outside of installed packages."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<")
        and "site-packages" not in frame.filename
        and Path(frame.filename) != Path(__file__)
    ]
    python = str(Path(asyncio.__file__).parents[1])
    own = [frame for frame in frames if not frame.filename.startswith(python)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
