"""The connections of the web server, and what is bounded before there is a request.

`PROTOCOL` is the class that uvicorn makes for each connection: `uvicorn.run(app, http=PROTOCOL)`.
It needs httptools, which uvicorn does not have on Windows: there it is uvicorn's own choice.
"""

from importlib.util import find_spec
from typing import Final

from .connections import KEY, ConnectionBounds, Connections
from .descriptors import provide_descriptors
from .forwarded import TRUSTED, Forwarded
from .leaving import close_listeners, server_of

#: What uvicorn's setting `http` takes, as text because workers are started with it.
PROTOCOL: Final = f"{__name__}.protocol:BoundedProtocol" if find_spec("httptools") else "auto"

__all__ = [
    "KEY",
    "PROTOCOL",
    "TRUSTED",
    "ConnectionBounds",
    "Connections",
    "Forwarded",
    "close_listeners",
    "provide_descriptors",
    "server_of",
]
