"""A real nginx between a client and the server under test."""

import re
import socket
from pathlib import Path
from typing import Self

from tests.services import Service, find, free_port

#: A correct configuration; a test replaces a line to make it wrong.
HEALTHY = """
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Host $http_host;
proxy_buffering off;
"""


class Nginx:
    """`with Nginx(folder, configuration) as nginx:` serves at `nginx.url`.

    The configuration is a complete file with one `listen`. That and the servers in its `upstream`
    are replaced: by a free port, and by port `upstream` of this machine.
    """

    def __init__(self, folder: Path, configuration: str, upstream: int) -> None:
        folder.mkdir(exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.file = folder / "nginx.conf"
        self.file.write_text(_moved(configuration, folder, self.port, upstream))
        # One process, so that its end ends all of nginx.
        here = f"daemon off; master_process off; pid {folder}/nginx.pid;"
        self.binary = find("nginx", Path("/usr/sbin"))
        self._command = [self.binary, "-p", str(folder), "-c", str(self.file), "-e", "stderr"]
        self._service = Service([*self._command, "-g", here], folder)

    def __enter__(self) -> Self:
        self._service.start(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def configuration(location: str = HEALTHY, server: str = "", http: str = "") -> str:
    """A complete configuration file, with these lines at its three levels."""
    return f"""
    events {{}}
    http {{
      {http}
      upstream agno_stream {{
        server 10.0.0.11:8000;
      }}
      server {{
        listen 80;
        {server}
        location / {{
          proxy_pass http://agno_stream;
          {location}
        }}
      }}
    }}
    """


def _moved(text: str, folder: Path, port: int, upstream: int) -> str:
    """The configuration with the test's ports, and with all output files in the test's folder."""
    there = f"upstream agno_stream {{ server 127.0.0.1:{upstream};"
    text = re.sub(r"upstream agno_stream \{(\s*server [^;]+;)+", there, text)
    text = re.sub(r"listen [^;]+;", f"listen 127.0.0.1:{port};", text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    return re.sub(r"http \{", f"http {{ access_log off; {paths}", text, count=1)
