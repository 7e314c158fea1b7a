"""The server: Agno agents behind HTTP, one run, every protocol.

The folder is `app` in a clone, for `uvicorn app.main:app`, and `agno_stream.server` where it is
installed; imports inside it are relative, so that both names work.

See docs/decisions/034-one-package-with-two-names.md.
"""

from importlib import import_module
from typing import Any

__all__ = ["Settings", "__version__", "create_app", "lifespan"]
__version__ = "0.1.0"

#: What is imported on first use, because it loads FastAPI and Agno: the module of each name.
_LAZY = {"create_app": ".main", "lifespan": ".mounting", "Settings": ".settings"}


def __getattr__(name: str) -> Any:
    """Import `create_app`, `lifespan` or `Settings` on first use."""
    if name not in _LAZY:
        raise AttributeError(name)
    return getattr(import_module(_LAZY[name], __name__), name)
