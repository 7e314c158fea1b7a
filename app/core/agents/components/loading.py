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

from agno.agent import Agent

from ...errors import ConfigurationError
from .external import NEEDED
from .kinds import is_factory, kind_of, no_factory
from .late import Team, Workflow
from .references import has, missing, split

#: Frames of a traceback that the message about a module shows, at most.
FRAMES = 3

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
    """What can be served among what was found; `where` is the place in AGENTS, for error messages.

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
    raise ConfigurationError(f"AGENTS: {where} contains {_shown(found)}. Name {SERVED}.")


def _shown(thing: Any) -> str:
    """What cannot be served, by its name and its class, and why, where that is not plain."""
    name = getattr(thing, "name", None) or getattr(thing, "__name__", None)
    shown = f"{name!r}, " if isinstance(name, str) else ""
    kind = thing if isinstance(thing, type) else type(thing)
    article = "the class" if isinstance(thing, type) else "an object of the class"
    text = f"{shown}{article} {kind.__module__}.{kind.__qualname__}, which cannot be served"
    if isinstance(thing, type) and issubclass(thing, Agent | Team | Workflow):
        return f"{text}: it has to be called, as {kind.__name__}(...)"
    if callable(getattr(kind, "arun", None)):
        return f"{text}: its arun() does not take {', '.join(NEEDED)}, as Agno's do"
    return text


def _load(reference: str) -> Any:
    module_name, attribute = split(reference)
    try:
        found = importlib.import_module(module_name)
        for name in attribute.split("."):
            if not hasattr(found, name):
                raise ConfigurationError(
                    f"AGENTS: {reference!r}: {module_name} has no {name!r}.{has(found)}"
                )
            found = getattr(found, name)
        if reason := no_factory(found):
            raise ConfigurationError(
                f"AGENTS: {reference!r} is a function that is no factory: {attribute}() {reason} "
                f"Name an agent, a team or a workflow.{has(sys.modules[module_name])}"
            )
        return _resolved(found)
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:  # the user's own code may raise anything
        raise ConfigurationError(
            f"AGENTS: {reference!r} cannot be loaded: {type(error).__name__}: {_reason(error)}"
            f"{_place(error)}{missing(module_name, error)}"
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


def _reason(error: BaseException) -> str:
    """What an error says; of a syntax error without its place, which follows."""
    return error.msg if isinstance(error, SyntaxError) and error.filename else str(error)


def _place(error: BaseException) -> str:
    """The file and the line of an error, the innermost ones outside of installed packages, and the
    lines of code on the way to it."""
    if isinstance(error, SyntaxError) and error.filename:
        code = f"\n  {error.text.strip()}" if error.text and error.text.strip() else ""
        return f" ({error.filename}, line {error.lineno}){code}"
    python = str(Path(asyncio.__file__).parents[1])
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", python))
        and "site-packages" not in frame.filename
        and Path(frame.filename) != Path(__file__)
    ]
    if not own:
        return ""
    way = [f"  {one.filename}:{one.lineno}: {one.line}" for one in own[-FRAMES:]]
    return "\n".join([f" ({own[-1].filename}, line {own[-1].lineno})", *way])
