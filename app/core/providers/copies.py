"""Shallow copies that are small: each run has one of its agent, and one of each model.

See docs/decisions/083-what-nobody-uses-is-not-loaded.md.
"""

import copy
from typing import TypeVar

T = TypeVar("T")

_OTHER = object()


def small_copy(thing: T) -> T:
    """A shallow copy, without the attributes that are just as the class has them.

    Of an agent's 126 attributes a hundred are defaults, which are found in its class as well: the
    copy takes a quarter of the memory.
    """
    mine = copy.copy(thing)
    kind = type(thing)
    own = getattr(mine, "__dict__", None)
    if own is not None:
        mine.__dict__ = {
            name: value for name, value in own.items() if getattr(kind, name, _OTHER) is not value
        }
    return mine
