"""The AG-UI door: `/agui`, as frontends speak the Agent User Interaction Protocol 1.0.

`routes` has its paths; `requests`, `messages`, `content` and `sealed` its bodies; `start` how a run
begins or goes on, `interrupts` what a pause is in the protocol; `narration` makes the events of a
run, with `voices`, `calls`, `steps` and `subagents`; `encoder` their frames, `cursor` the positions
in a stream; `errors` the shape of an error.

See docs/decisions/068-an-ag-ui-stream-is-a-function-of-its-log.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/agui", router=router, refuse=refusal)
