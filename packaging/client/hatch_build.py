"""Adds the client's files to its wheel: all of `agno_stream/` except the server."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ClientFiles(BuildHookInterface[Any]):
    """Lists each file of the package, because it is outside of this project's own folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        package = Path(self.root).parents[1] / "agno_stream"
        for file in package.rglob("*"):
            name = file.relative_to(package.parent)
            if file.is_file() and "__pycache__" not in name.parts and file.stem != "server":
                build_data["force_include"][str(file)] = str(name)
