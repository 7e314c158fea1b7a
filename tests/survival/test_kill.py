"""SIGKILL in mid-answer: the text is kept, the end is true, the next turn remembers."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, ended
from tests.survival.parts import RATE, Tab, client, counted, paced, serving, until

#: How often each of several servers is killed, one after the other.
KILLS = (7, 7, 6)

#: Tokens that a kill may cost: 100 ms of stream.
LOSS = RATE // 10

#: What it may cost now and then, when the machine gives its processors to others for that long.
SELDOM = 3 * LOSS


async def chain(
    folder: Path, journal: dict[str, str], moments: Sequence[float], quiet: asyncio.Lock
) -> list[int]:
    """Kill a server at each of these moments of an answer, and look what the next one knows of it.

    Returns how many tokens were lost each time: sent by the model, but not in the log. Nobody else
    has the processors meanwhile who heeds `quiet`.
    """
    losses: list[int] = []
    with Provider(paced(5)) as provider:
        killed: Tab | None = None
        sent = 0
        for n in range(len(moments) + 1):
            async with AsyncExitStack() as stack:
                async with quiet:
                    command = await stack.enter_async_context(serving(folder, provider, **journal))
                http = await stack.enter_async_context(client(command))
                if killed is not None:
                    losses.append(sent - await aftermath(http, provider, killed, f"c{n - 1}"))
                if n < len(moments):
                    async with quiet:
                        killed = Tab()
                        fields = {"message": f"Question {n}?", "conversation_id": f"c{n}"}
                        asking = asyncio.create_task(killed.start(http, **fields))
                        await killed.until(1)
                        await asyncio.sleep(moments[n])
                        command.process.kill()
                        sent = max(provider.requests[-1].tokens_sent, killed.tokens)
                    await asyncio.gather(asking, return_exceptions=True)
                    assert not killed.done
                    print(f"killed {moments[n] * 1000:.0f} ms after the first token")
    return losses


async def aftermath(
    http: httpx.AsyncClient, provider: Provider, seen: Tab, conversation_id: str
) -> int:
    """What a reader finds that comes back after a kill; returns how many tokens were kept."""
    state = await ended(http, seen.run_id)
    kept = state["content"]
    count = len(kept.split())
    assert counted(count) == kept
    assert counted(seen.tokens) == seen.text
    assert ("failed", "interrupted") == (state["status"], state["finish_reason"])

    # Another device reads it from the beginning; the one that was there comes back.
    other, back = Tab(), Tab(seen.run_id, seen.last_id)
    await other.resume(http, seen.run_id)
    assert 200 == await back.resume(http)
    assert list(range(1, count + 3)) == other.numbers
    assert kept == other.text
    assert ["interrupted"] == other.endings == back.endings
    if seen.tokens <= count:
        assert kept == seen.text + back.text
        assert other.numbers == seen.numbers + back.numbers
    else:
        assert ("", 1) == (back.text, len(back.chunks))
    # A browser that reconnects again gets the status that stops it, by either route.
    for tab in (other, back):
        assert state["last_event_id"] == tab.last_id
        assert 204 == await tab.resume(http)
        place = {"Last-Event-ID": tab.last_id}
        assert 204 == (await http.get(CHAT, params={"message": "x"}, headers=place)).status_code

    before = provider.opened
    further = Tab()
    asking = asyncio.create_task(
        further.start(http, "And then?", conversation_id=conversation_id, on_disconnect="cancel")
    )
    await until(lambda: provider.opened > before)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    messages = [(m["role"], m["content"]) for m in provider.requests[-1].body["messages"]]
    question = f"Question {conversation_id[1:]}?"
    partial = [("assistant", kept)] if kept else []
    assert [("user", question), *partial, ("user", "And then?")] == [
        message for message in messages if message[0] != "system"
    ]
    return count


@pytest.mark.timeout(300)
async def test_kill_at_any_moment(tmp_path: Path, journal: dict[str, str]) -> None:
    """After a SIGKILL at any moment of an answer, at most 100 ms of it are lost, nothing comes
    twice, it ends once and as interrupted, and the next turn has the question and the text."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    chains, quiet = [], asyncio.Lock()
    for n, kills in enumerate(KILLS):
        folder = tmp_path / f"{n}"
        folder.mkdir()
        # What belongs to one is not to be found by the others: in Redis, a database for each.
        apart = {name: f"{url}/{n}" for name, url in journal.items()}
        moments = [chance.uniform(0, 1) for _ in range(kills)]
        chains.append(chain(folder, apart, moments, quiet))
    losses = [loss for some in await asyncio.gather(*chains) for loss in some]
    print(f"tokens lost of {RATE} a second: {losses}")
    assert sum(KILLS) == len(losses)
    assert max(losses) <= SELDOM
    assert sorted(losses)[-3] <= LOSS


async def test_kill_loses_parts(tmp_path: Path, journal: dict[str, str]) -> None:
    """After a SIGKILL the conversation has the parts that are in the log, reasoning included, and
    how the answer ended."""
    reply = Reply("one two three", reasoning="Let me think.", stall_after=5)
    with Provider(reply) as provider:
        killed = Tab()
        async with serving(tmp_path, provider, **journal) as command, client(command) as http:
            asking = asyncio.create_task(killed.start(http, conversation_id="c"))
            await killed.until(2)
            await asyncio.sleep(0.5)  # the journal is written every 75 ms
            command.process.kill()
            await asyncio.gather(asking, return_exceptions=True)
        async with serving(tmp_path, provider, **journal) as command, client(command) as http:
            state = await ended(http, killed.run_id)
            _, message = (await http.get("/api/v1/conversations/c")).json()["messages"]
    assert [
        {"type": "reasoning", "reasoning": "Let me think."},
        {"type": "content", "content": "one two "},
    ] == message["parts"]
    assert state["parts"] == message["parts"]
    assert ("interrupted", state["error"]) == (message["finish_reason"], message["error"])
