"""The AI SDK door: `/ai/chat`, as `useChat` of Vercel's AI SDK speaks it.

`routes` has its paths; `requests`, `parts` and `history` its bodies; `answers` and `answered` what
a page answers on calls, `start` the run that comes of it; `chunks`, `narration`, `calls` and
`asides` the parts of a message, `encoder` their frames; `errors` the shape of an error.

See docs/decisions/069-a-message-of-the-ai-sdk-spans-the-runs-that-continue-it.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/ai", router=router, refuse=refusal)
