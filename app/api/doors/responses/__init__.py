"""The Responses door: `/v1/responses`, as OpenAI's and Open Responses' clients speak it.

`routes` has its paths; `requests`, `input`, `parts` and `tools` its bodies; `thread` what an
earlier response adds to a request; `narration` and `calls` the events of a run, `encoder` their
frames; `answer` the whole response; `errors` the shape of an error.

See docs/decisions/055-a-response-is-a-function-of-its-log.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/v1/responses", router=router, refuse=refusal)
