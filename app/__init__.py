"""The server: Agno agents behind HTTP, one run, every protocol.

The folder is `app` in a clone, for `uvicorn app.main:app`, and `agno_stream.server` where it is
installed; imports inside it are relative, so that both names work.

See docs/decisions/034-one-package-with-two-names.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .main import create_app as create_app
    from .settings import Settings as Settings

__all__ = ["Settings", "__version__", "create_app"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `create_app` or `Settings` on first use, because they load FastAPI and Agno."""
    if name == "create_app":
        from .main import create_app

        return create_app
    if name == "Settings":
        from .settings import Settings

        return Settings
    raise AttributeError(name)
