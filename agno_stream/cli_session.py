"""The interactive chat: a prompt, its commands, and the answers between."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from agno_stream.cli_ask import ask, dim
from agno_stream.client import Chat, Client
from agno_stream.errors import AgnoStreamError

HELP = """\
/new            begin a new conversation
/model [NAME]   which model answers; without a name: which there are
/agent [NAME]   who answers; without a name: who there is
/retry          ask the last question again
/help           this
/exit           leave, as Ctrl-D does
Enter sends; Alt-Enter, or a \\ at the end, begins a new line. Ctrl-C stops an answer."""


class Session:
    """Asks, answers and obeys until it is left; an answer that fails does not end it."""

    def __init__(self, client: Client, place: Chat, options: argparse.Namespace) -> None:
        self._client, self._place, self._options = client, place, options
        self._last: str | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            "/new": self._new,
            "/model": self._model,
            "/agent": self._agent,
            "/retry": self._retry,
            "/help": lambda _: dim(HELP),
        }
        self._prompt: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            key_bindings=_keys(),
            history=_history(),
            completer=_Words(self),
            complete_while_typing=False,
            reserve_space_for_menu=4,
        )

    def run(self) -> int:
        """Until /exit or Ctrl-D; the exit code is 0, or 1 where there is no server at all."""
        agents = self._client.agents()
        chosen = [one for one in agents if one.id == self._place.agent or one.default]
        name = self._place.agent or (chosen[0].id if chosen else "")
        model = self._place.model or (chosen[-1].model if chosen else "")
        dim(f"{name} · {model} · /help for help, Ctrl-D to leave")
        while True:
            try:
                line = self._prompt.prompt()
            except KeyboardInterrupt:
                dim("Ctrl-D leaves.")
                continue
            except EOFError:
                return 0
            word, _, rest = line.strip().partition(" ")
            if word in ("/exit", "/quit"):
                return 0
            try:
                if line[:1] == "/":
                    self._commands.get(word, self._unknown)(rest.strip() or "")
                elif line.strip():
                    self._ask(line.strip())
            except AgnoStreamError as failure:
                dim(str(failure))
            except KeyboardInterrupt:
                dim("stopped")

    def words(self, command: str) -> list[str]:
        """What may follow a command."""
        if command == "/model":
            return [one.id for one in self._client.models()]
        return [one.id for one in self._client.agents()] if command == "/agent" else []

    @property
    def commands(self) -> list[str]:
        return [*self._commands, "/exit"]

    def _ask(self, prompt: str) -> None:
        self._last = prompt
        _, tally = ask(self._client, self._place, prompt, self._options)
        dim(tally.line())

    def _new(self, _: str) -> None:
        agent, model = self._place.agent, self._place.model
        self._place = self._client.chat(agent=agent, model=model)
        dim("a new conversation")

    def _model(self, name: str) -> None:
        known = self._client.models()
        if name:
            self._choose("model", name, [one.id for one in known] + [one.spec for one in known])
        else:
            self._list((one.id, self._place.model, one.default, one.provider) for one in known)

    def _agent(self, name: str) -> None:
        known = self._client.agents()
        if name:
            self._choose("agent", name, [one.id for one in known])
        else:
            self._list((one.id, self._place.agent, one.default, one.description) for one in known)

    def _choose(self, what: str, name: str, known: list[str]) -> None:
        if name not in known:
            dim(f"There is no {what} {name!r}; /{what} lists them.")
            return
        setattr(self._place, what, name)
        dim(f"{what}: {name}")

    def _list(self, rows: Iterable[tuple[str, str | None, bool, str]]) -> None:
        for name, chosen, default, about in rows:
            here = name == chosen if chosen else default
            dim(f"{'*' if here else ' '} {name}  {about}".rstrip())

    def _retry(self, _: str) -> None:
        if self._last is None:
            dim("There is no question yet.")
        else:
            dim(self._last)
            self._ask(self._last)

    def _unknown(self, _: str) -> None:
        dim("No such command; /help lists them. A message may begin with a space and a slash.")


class _Words(Completer):
    """Completes commands, and the names that may follow them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        command, space, start = text.partition(" ")
        try:
            known = self._session.words(command) if space else self._session.commands
        except AgnoStreamError:
            return
        wanted = start if space else command
        for word in known:
            if word.startswith(wanted):
                yield Completion(word, start_position=-len(wanted))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def _history() -> History:
    """What was asked in earlier sessions, in a file that only its owner may read."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    file = home / "agno-stream" / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
