"""`GET /` and what the page asks of the server."""

import httpx
import pytest

from tests.provider import Provider
from tests.provider_replies import Reply

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [(BROWSER, "text/html"), ("*/*", "text/plain"), ("application/json", "text/plain")],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_only_browsers_get_the_page(
    http: httpx.AsyncClient, method: str, accept: str, media_type: str
) -> None:
    """Browsers get the page; programs that look for a server get one line of text."""
    reply = await http.request(method, "/", headers={"Accept": accept})
    assert (200, media_type) == (reply.status_code, reply.headers["content-type"].partition(";")[0])
    assert "Accept" in reply.headers["vary"]
    if method == "GET":
        assert ("<!doctype html>" in reply.text) is (media_type == "text/html")


async def test_page_files_are_revalidated(http: httpx.AsyncClient) -> None:
    """The page's files are requested again each time, and answered 304 if they are the same."""
    first = await http.get("/static/main.js")
    assert (200, "no-cache") == (first.status_code, first.headers["cache-control"])
    again = await http.get("/static/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)


@pytest.mark.parametrize("path", ["nothing.js", "../page.py", "%2e%2e/page.py", "vendor"])
async def test_no_files_outside_the_page_are_served(http: httpx.AsyncClient, path: str) -> None:
    """Nothing but the page's own files is served."""
    reply = await http.get(f"/static/{path}")
    assert (404, "not_found") == (reply.status_code, reply.json()["error"]["code"])


async def test_active_runs_are_listed(http: httpx.AsyncClient, provider: Provider) -> None:
    """The runs that have not ended are listed with their questions, those that queue as well."""
    provider.script(Reply("a b c", stall_after=1))
    ids, last = [], {}
    for question, conversation in (("One?", "c1"), ("Two?", "c1"), ("Three?", "c2")):
        body = {"message": question, "conversation_id": conversation, "background": True}
        started = (await http.post("/api/v1/chat", json=body)).json()
        ids.append(started["run_id"])
        last = started
    await provider.until(lambda: provider.opened == 2 and provider.finished == 1)
    await http.get(last["stream_url"])  # to its end
    runs = (await http.get("/api/v1/runs")).json()["runs"]
    assert [("One?", "running"), ("Two?", "queued")] == [(r["question"], r["status"]) for r in runs]
    assert ids[:2] == [run["run_id"] for run in runs]
    assert f"/api/v1/runs/{ids[0]}/events" == runs[0]["stream_url"]
    assert [] == (await http.get("/api/v1/runs?conversation_id=c2")).json()["runs"]
    for run_id in ids[:2]:
        await http.post(f"/api/v1/runs/{run_id}/cancel")
    assert [] == (await http.get("/api/v1/runs?conversation_id=c1")).json()["runs"]
