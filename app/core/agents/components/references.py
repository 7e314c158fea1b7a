"""The parts of a reference in `AGENTS`, and what was probably meant by one that is wrong."""

import contextlib
import difflib
import importlib
import re
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.factory import BaseFactory

from ...errors import ConfigurationError
from .late import Team, Workflow

#: Names that a message lists, at most.
MAX_NAMES = 10


def split(reference: str) -> tuple[str, str]:
    """The module and the attribute of a reference.

    Raises `ConfigurationError` for one that is not `module:attribute`, with what may be meant.
    """
    module, colon, attribute = (part.strip() for part in reference.partition(":"))
    if re.search(r"[/\\]|\.py$", module):
        raise ConfigurationError(f"AGENTS: {reference!r} is a path: {_plain(module, attribute)}")
    if not (module and colon and attribute):
        meant = f" Perhaps {module}:{_first(module)}?" if module and _names(module) else ""
        raise ConfigurationError(f"AGENTS: {reference!r} is not 'module:attribute'.{meant}")
    return module, attribute


def _plain(path: str, attribute: str) -> str:
    """How a path is written as the name of a module."""
    plain = re.sub(r"^(\.[/\\])+", "", path)
    folder, _, name = plain.removesuffix(".py").replace("\\", "/").rpartition("/")
    if plain.startswith(("/", "\\", "..")):
        return f"start in the folder {folder or '/'} and name {name}:{attribute or 'attribute'}"
    module = f"{folder}/{name}".strip("/").replace("/", ".")
    without = [
        *(["without ./"] if path != plain else []),
        *(["without .py"] if plain.endswith(".py") else []),
        *(["with dots for slashes"] if folder else []),
    ]
    return f"name the module {' and '.join(without)}, {module}:{attribute or _first(module)}"


def has(module: Any) -> str:
    """A sentence that names what of a module can be served."""
    names = _served(module)
    return f" It has {', '.join(names[:MAX_NAMES])}." if names else ""


def missing(module: str, error: BaseException) -> str:
    """Where a module was looked for that does not exist, and modules with a name like it."""
    if not (isinstance(error, ModuleNotFoundError) and error.name):
        return ""
    if module != error.name and not module.startswith(f"{error.name}."):
        return ""  # a module that the user's own one imports
    here = Path.cwd()
    near = difflib.get_close_matches(error.name, _modules(here), 3)
    meant = f" It has {', '.join(near)}." if near else ""
    return f". The folder {here} was searched, and what is installed.{meant}"


def _modules(folder: Path) -> list[str]:
    with contextlib.suppress(OSError):
        files = [*folder.glob("*.py"), *(file.parent for file in folder.glob("*/__init__.py"))]
        return sorted(file.stem for file in files)
    return []


def _served(module: Any) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, Agent | Team | Workflow | BaseFactory)
    ]


def _names(module: str) -> list[str]:
    """The names of what can be served in a module; none if it cannot be loaded."""
    try:
        return _served(importlib.import_module(module))
    except (Exception, SystemExit):  # its error is shown when it is named correctly
        return []


def _first(module: str) -> str:
    return next(iter(_names(module)), "attribute")
