"""The Ollama door: Ollama's own API, as its clients and its command line speak it.

`routes` are its addresses, `requests` what comes in, `encoder` what goes out, `names` what agents
and models are called here.
"""

from app.api.protocols.ollama.routes import refusal, router

__all__ = ["refusal", "router"]
