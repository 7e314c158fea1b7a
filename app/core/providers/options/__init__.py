"""What a request sets on the model of its run: sampling options, and the form of the answer."""

from .formats import apply_output_schema
from .sampling import apply_options

__all__ = ["apply_options", "apply_output_schema"]
