"""What the models of request bodies have in common.

See docs/decisions/083-what-nobody-uses-is-not-loaded.md.
"""

from pydantic import BaseModel, ConfigDict


class BodyModel(BaseModel):
    """A part of a request body, whose validator is built when the first one comes.

    That takes some milliseconds then. All doors' validators together are a tenth of the server's
    own imports, and most servers are asked through one or two doors.
    """

    model_config = ConfigDict(defer_build=True)
