"""Media on a terminal: saved as files, whose paths are printed."""

import mimetypes
import os
import re
from pathlib import Path

from agno_stream.client import Client
from agno_stream.errors import AgnoStreamError
from agno_stream.parts import Media


def state_folder() -> Path:
    """The folder where the command line keeps its history and what answers have made."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return home / "agno-stream"


class Saver:
    """Saves the media of answers in a folder, by default `media` in the state folder.

    The names of files end with the id of the media, which is a hash of their content.
    """

    def __init__(self, client: Client, folder: str | None) -> None:
        self._client = client
        self._folder = Path(folder).expanduser() if folder else state_folder() / "media"

    def show(self, item: Media) -> str:
        """Save media and return their path; their address if they are at another server, or cannot
        be saved."""
        if not item["url"].startswith("/"):
            return item["url"]
        address = self._client.config.url.rstrip("/") + item["url"]
        try:
            path = self._folder / _file_name(item)
            if not path.exists():
                content = self._client.download(item)
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_bytes(content)
        except (AgnoStreamError, OSError) as error:
            return f"{address} (not saved: {error})"
        return str(path)


def _file_name(item: Media) -> str:
    """A name for a file of ours: what the server says, without anything that leads elsewhere."""
    name = Path(re.sub(r"[^\w. -]", "_", item.get("name") or "").strip(" .")[-100:])
    ending = name.suffix or mimetypes.guess_extension(item["mime_type"]) or ""
    return f"{name.stem or item['kind']}-{re.sub(r'[^0-9a-f]', '', item['id'])[:8]}{ending}"
