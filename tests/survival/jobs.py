"""A model that has a job of several steps done, each by a tool; see `ledger`."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from tests.provider import Provider, Request
from tests.provider_replies import Reply, said

#: Steps of a job: each is a call of a tool with its number.
STEPS = 4


class Job(Provider):
    """A model that says what it does, calls a tool for each step, and says that it has ended.

    Its answers follow from the messages alone, so a repeated request gets the same. The question
    may name the tool.
    """

    def __init__(self, *, steps: int = STEPS, rate: float = 0) -> None:
        super().__init__()
        self.steps, self.rate = steps, rate

    def reply(self, body: dict[str, Any]) -> Reply:
        messages = said(body)
        start = max(n for n, m in enumerate(messages) if m["role"] == "user")
        done = sum(message["role"] == "tool" for message in messages[start:])
        if done >= self.steps:
            return Reply(f"All {done} steps are done, and that is the end.", rate=self.rate)
        question = str(messages[start]["content"])
        tool = next((name for name in ("slow", "look") if name in question), "note")
        calls = [(tool, f'{{"number": {done}}}')]
        return Reply(f"Step {done} comes now. ", tool_calls=calls, rate=self.rate)

    async def _chat(self, http: web.BaseRequest, request: Request) -> web.StreamResponse:
        self.script(self.reply(request.body))
        return await super()._chat(http, request)


class StallingJob(Job):
    """A job whose model stalls in one answer the first time, after two words; `at` is the number of
    tools before it. `runs` is how many jobs there are, each of which stalls once."""

    def __init__(self, *, at: int, steps: int = STEPS, runs: int = 1, rate: float = 0) -> None:
        super().__init__(steps=steps, rate=rate)
        self._at, self._left = at, runs

    def reply(self, body: dict[str, Any]) -> Reply:
        found = super().reply(body)
        messages = said(body)
        start = max(n for n, m in enumerate(messages) if m["role"] == "user")
        done = sum(message["role"] == "tool" for message in messages[start:])
        if done != self._at or not self._left:
            return found
        self._left -= 1
        return replace(found, stall_after=2)


def whole(steps: int = STEPS) -> str:
    """The answer of an undisturbed job."""
    before = "".join(f"Step {n} comes now. " for n in range(steps))
    return f"{before}All {steps} steps are done, and that is the end."
