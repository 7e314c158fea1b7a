"""The MCP door: `/mcp`, where each agent is a tool of the Model Context Protocol.

`routes` has its path; `tools` the agents as tools, `calls` a call as a run, `results` what comes of
it, `pauses` questions to a person, `tasks` a run as a task; `exchange` is the response, `sdk` and
`messages` the protocol itself, by the official SDK, which is imported with the first request;
`errors` the shape of an error.

See docs/decisions/070-mcp-calls-are-runs-and-so-are-tasks.md.
"""

from ...door import Door
from .errors import refusal
from .routes import router

DOOR = Door(prefix="/mcp", router=router, refuse=refusal)
