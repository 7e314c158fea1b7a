"""The Ollama door: Ollama's own API, as its clients and its command line speak it.

`routes` has its paths, `requests` and `messages` its bodies, `encoder` its lines, `errors` the
shape of an error, `listings` the form in which agents and models are listed.

See docs/decisions/024-what-the-ollama-door-refuses.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/api", router=router, refuse=refusal)
