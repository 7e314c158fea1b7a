"""A run can be read again from any event, by its id."""

from agno_stream import (
    Client,
    Config,
    NotFound,
)
from tests.client.shells import Shell
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

TEXT = "".join(f"word{n} 🙂 line\n" if n % 10 == 0 else f"w{n} " for n in range(400))


async def test_resume_from_any_event(config: Config, shell: Shell, provider: Provider) -> None:
    """A run that is kept can be read again from any event, without another request to the model."""
    complete = await shell.stream(config, "Hello?")
    run_id = str(complete[0].run_id)
    for after in range(len(complete) - 1):
        rest = await shell.resume(config, run_id, after=after)
        assert complete[after:] == rest
    assert 1 == provider.opened


async def test_resume_after_the_last_event(config: Config, shell: Shell) -> None:
    """A run resumed after its last event yields one chunk, with the end of the answer."""
    last = (await shell.stream(config, "Hello?"))[-1]
    (again,) = await shell.resume(config, str(last.run_id), after=last.number)
    assert (True, "", "stop", None) == (again.done, again.text, again.finish_reason, again.error)
    assert last.usage == again.usage


async def test_resume_of_an_unknown_run(config: Config, shell: Shell) -> None:
    """Resuming an unknown run fails with `NotFound`."""
    (last,) = await shell.resume(config, "no/such run")
    assert isinstance(last.failure, NotFound)
    assert "not found" in str(last.error).lower()


def test_resume_after_the_reader_stopped(server: Server, provider: Provider) -> None:
    """A reader that stops in the middle of an answer can resume it after its last event."""
    provider.script(Reply(TEXT, rate=1000))
    with Client(url=server.url) as client:
        text, position = "", ("", 0)
        for chunk in client.generate_stream("Hello?"):
            text += chunk.text
            position = (str(chunk.run_id), chunk.number)
            if chunk.number == 50:
                break
        text += "".join(chunk.text for chunk in client.resume(*position))
    assert TEXT == text
    assert 1 == provider.opened
