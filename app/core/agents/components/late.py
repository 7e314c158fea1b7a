"""Agno's classes of teams, workflows and steps, known here without being loaded.

Loading them takes 4 MB and a twentieth of the start, and most applications bring only agents. A
thing can be an instance of a class only if somebody has loaded it.

See docs/decisions/083-what-nobody-uses-is-not-loaded.md.
"""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agno.team import Team
    from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, Workflow
else:

    class _Late(type):
        """The class `name` of the package `package`, for `isinstance` and `issubclass`."""

        def __new__(cls, package: str, name: str) -> type:
            return super().__new__(cls, name, (), {"__module__": package})

        def __init__(cls, package: str, name: str) -> None:
            super().__init__(name, (), {})

        def _loaded(cls) -> Any:
            """The class itself; an empty tuple, of which nothing is an instance, before that."""
            return getattr(sys.modules.get(cls.__module__), cls.__name__, ())

        def __instancecheck__(cls, thing: Any) -> bool:
            return isinstance(thing, cls._loaded())

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, cls._loaded())

    Team = _Late("agno.team", "Team")
    Condition, Loop, Parallel, Router, Step, Steps, Workflow = (
        _Late("agno.workflow", name)
        for name in ("Condition", "Loop", "Parallel", "Router", "Step", "Steps", "Workflow")
    )

__all__ = ["Condition", "Loop", "Parallel", "Router", "Step", "Steps", "Team", "Workflow"]
