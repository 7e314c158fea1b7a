"""The OpenAI door: `/v1/models`, `/v1/chat/completions` and `/v1/completions`, as OpenAI's own
clients speak them.

`routes` has its paths, `requests` its bodies, `encoder` its frames, `errors` the shape of an error;
`text_completions` all of the oldest path.

See docs/decisions/025-the-openai-door-is-not-resumable.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/v1", router=router, refuse=refusal)
