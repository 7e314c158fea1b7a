"""Agno's own server, AgentOS, with one agent: `python agentos.py PORT UPSTREAM`."""

import sys

import uvicorn
from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb
from agno.models.openai import OpenAIChat
from agno.os import AgentOS

port, upstream = int(sys.argv[1]), sys.argv[2]
agent = Agent(
    id="general",
    name="General",
    model=OpenAIChat(id="gpt-4o-mini", base_url=upstream),
    db=AsyncSqliteDb(db_file="agentos.db"),
    add_history_to_context=True,
    telemetry=False,
)
app = AgentOS(agents=[agent], telemetry=False).get_app()

if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", access_log=False)
