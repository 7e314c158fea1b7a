"""The server inside a FastAPI application, whose users it takes over.

Shows: a mount below a path, the application's own login, the chat as a button on its pages.
Run, in this folder: uvicorn mounted:app
Open http://127.0.0.1:8000, log in by a name, and press the button. The page is at /assistant/.
"""

from html import escape
from typing import Annotated

from agno.agent import Agent
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from agno_stream.server import create_app, lifespan

PAGE = """<!doctype html><html lang="en"><title>A shop</title>
<h1>A shop</h1>{greeting}
<script src="assistant/embed.js" data-label="Ask us" defer></script></html>"""
LOGIN = """<form method="post" action="login"><label>Your name <input name="name" required></label>
<button>Log in</button></form>"""


async def user(request: Request) -> str | None:
    """Who sends a request. A cookie that anybody can write is good for an example only."""
    return request.cookies.get("user")


helper = Agent(name="Helper", instructions="Help the visitors of a shop. Answer briefly.")
ai = create_app(agents=[helper], principal=user)

app = FastAPI(lifespan=lifespan(ai))
app.mount("/assistant", ai)


@app.get("/")
async def page(request: Request) -> HTMLResponse:
    """The shop's page, with a login for those who have not logged in."""
    name = await user(request)
    return HTMLResponse(PAGE.format(greeting=f"<p>Hello {escape(name)}.</p>" if name else LOGIN))


@app.post("/login")
async def login(name: Annotated[str, Form()]) -> Response:
    """Log in by a name."""
    response = RedirectResponse(".", status_code=303)  # also right below a path
    response.set_cookie("user", name, httponly=True, samesite="lax")
    return response
