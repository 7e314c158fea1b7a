"""The OpenAI door: `/v1/models` and `/v1/chat/completions`, as OpenAI's own clients speak them.

`routes` are its addresses, `requests` what comes in, `encoder` what goes out, `errors` the shape
of its errors. `/v1/responses` will be a door beside this one.
"""

from app.api.protocols.openai.errors import refusal
from app.api.protocols.openai.routes import router

__all__ = ["refusal", "router"]
