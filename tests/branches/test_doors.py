"""Turns on other branches, at doors that name a turn: they continue what was said before it."""

import httpx

from tests.branches.parts import again, sent, shown
from tests.provider import Provider
from tests.provider_replies import Reply


async def respond(http: httpx.AsyncClient, text: str, before: str | None = None) -> str:
    """The id of a response, which continues the one `before`."""
    body = {"model": "general", "input": text, "previous_response_id": before}
    reply = await http.post("/v1/responses", json=body)
    assert 200 == reply.status_code, reply.text
    return str(reply.json()["id"])


async def test_a_response_that_is_not_shown(http: httpx.AsyncClient, provider: Provider) -> None:
    """A response on another branch can be continued: in a copy, with the turns before it alone."""
    provider.script(*(Reply(text) for text in ("a1", "a2", "b2", "a3", "b3")))
    one = await respond(http, "q1")
    two = await respond(http, "q2", one)
    second = await again(http, two.removeprefix("resp_"))
    await respond(http, "q3", two)
    assert ["q1", "a1", "q2", "a2", "q3"] == sent(provider)
    await respond(http, "q4", f"resp_{second['run_id']}")
    assert ["q1", "a1", "q2", "b2", "q4"] == sent(provider)
    talk = await shown(http, second["conversation_id"])
    assert ["q1", "a1", "q2", "b2 2/2", "q4", "b3"] == talk
