"""A demonstration model that needs no key and no network, to show streaming to newcomers."""

from .clock import current_time
from .model import DemoModel
from .texts import MARKDOWN

__all__ = ["MARKDOWN", "DemoModel", "current_time"]
