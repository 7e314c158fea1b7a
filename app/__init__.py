"""An Agno agent behind HTTP."""

__version__ = "0.1.0"
