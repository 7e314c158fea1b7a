"""The Anthropic door: `/v1/messages`, as Anthropic's own clients speak it.

`routes` has its paths, `listing` the models in Anthropic's shape; `requests`, `blocks`, `redacted`
and `tools` its bodies; `events` and `encoder` its frames, `answer` the whole message; `errors` the
shape of an error.

See docs/decisions/062-the-anthropic-door-shows-text-thinking-and-the-clients-tools.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/v1/messages", router=router, refuse=refusal)
