"""The reference of the API at `/docs`, in a real browser without Internet."""

import re

from playwright.sync_api import BrowserContext, Page, Route, expect


def test_the_reference_needs_no_other_server(
    context: BrowserContext, page: Page, server_url: str
) -> None:
    """It shows the routes, and tries one, while every request to another host fails; nothing of
    it is against its policy."""
    away: list[str] = []

    def local(route: Route) -> None:
        if route.request.url.startswith((server_url, "data:")):
            route.continue_()
        else:
            away.append(route.request.url)
            route.abort()

    context.route("**/*", local)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{server_url}/docs")
    health = page.locator(".opblock", has=page.locator('[data-path="/healthz"]'))
    health.locator(".opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".live-responses-table")).to_contain_text('"status": "ok"')
    expect(page.locator(".opblock", has_text=re.compile("/api/v1/chat")).first).to_be_visible()
    assert [] == away
    assert [] == [text for text in said if "Content Security Policy" in text]


def test_the_reference_has_a_policy(page: Page, server_url: str) -> None:
    """Its policy lets nothing run but the server's own files."""
    reply = page.request.get(f"{server_url}/docs")
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert 404 == page.request.get(f"{server_url}/redoc").status
