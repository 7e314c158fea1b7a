"""The native door: the server's own protocol, in which every field of a chunk is on the wire.

`routes` has its paths, `requests` its bodies, `encoder` its formats (SSE, NDJSON, plain text),
`event_ids` the positions in a stream, `following` the response that resumes a run, `errors` the
shape of an error.
"""

from ...door import Door
from .errors import error_response
from .routes import router

DOOR = Door(prefix="/api/v1", router=router, refuse=error_response)
