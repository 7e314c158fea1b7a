"""The server of the usual guides: FastAPI, sse-starlette, Agno. `python book.py PORT UPSTREAM`."""

import json
import sys
from collections.abc import AsyncIterator

import uvicorn
from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb
from agno.models.openai import OpenAIChat
from fastapi import FastAPI
from pydantic import BaseModel
from sse_starlette import EventSourceResponse

port, upstream = int(sys.argv[1]), sys.argv[2]
agent = Agent(
    model=OpenAIChat(id="gpt-4o-mini", base_url=upstream),
    db=AsyncSqliteDb(db_file="book.db"),
    add_history_to_context=True,
    telemetry=False,
)
app = FastAPI()


class Question(BaseModel):
    message: str
    session_id: str | None = None


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/chat")
async def chat(question: Question) -> EventSourceResponse:
    async def events() -> AsyncIterator[dict[str, str]]:
        answer = agent.arun(question.message, session_id=question.session_id, stream=True)
        async for event in answer:
            content = getattr(event, "content", None)
            if content:
                yield {"data": json.dumps({"content": content, "done": False})}
        yield {"data": json.dumps({"content": "", "done": True})}

    return EventSourceResponse(events())


if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", access_log=False)
