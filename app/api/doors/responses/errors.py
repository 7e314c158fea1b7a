"""The door's errors before the first byte, in OpenAI's shape; later ones are a failed response."""

from ...openai_errors import refusal as refusal
