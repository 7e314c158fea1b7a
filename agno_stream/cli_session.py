"""The interactive chat: the prompt, its commands, and the answers."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from agno_stream.cli_ask import print_status, send_question
from agno_stream.client import Chat, Client
from agno_stream.errors import AgnoStreamError

HELP = """\
/new            start a new conversation
/model [NAME]   choose the model; without a name: list the models
/agent [NAME]   choose the agent; without a name: list the agents
/retry          send the last question again
/help           list the commands
/exit           end the session, like Ctrl-D
Enter sends; Alt-Enter, or a \\ at the end, begins a new line. Ctrl-C stops an answer."""


class Session:
    """An interactive chat: a loop of questions and commands, which continues after a failed
    answer."""

    def __init__(self, client: Client, conversation: Chat, options: argparse.Namespace) -> None:
        self._client, self._conversation, self._options = client, conversation, options
        self._last: str | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            "/new": self._new,
            "/model": self._model,
            "/agent": self._agent,
            "/retry": self._retry,
            "/help": lambda _: print_status(HELP),
        }
        self._prompt: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            key_bindings=_keys(),
            history=_history(),
            completer=_CommandCompleter(self),
            complete_while_typing=False,
            reserve_space_for_menu=4,
        )

    def run(self) -> int:
        """Read questions and commands until /exit or Ctrl-D, and return the exit code 0.

        Raises `AgnoStreamError` if no server answers at the beginning.
        """
        agents = self._client.agents()
        chosen = [one for one in agents if one.id == self._conversation.agent or one.default]
        name = self._conversation.agent or (chosen[0].id if chosen else "")
        model = self._conversation.model or (chosen[-1].model if chosen else "")
        print_status(f"{name} · {model} · /help for help, Ctrl-D to exit")
        while True:
            try:
                line = self._prompt.prompt()
            except KeyboardInterrupt:
                print_status("Press Ctrl-D to exit.")
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
                print_status(str(failure))
            except KeyboardInterrupt:
                print_status("stopped")

    def arguments(self, command: str) -> list[str]:
        """Return the possible arguments of a command, for completion; empty if it takes none."""
        if command == "/model":
            return [one.id for one in self._client.models()]
        return [one.id for one in self._client.agents()] if command == "/agent" else []

    @property
    def commands(self) -> list[str]:
        """The names of all commands, each with its slash."""
        return [*self._commands, "/exit"]

    def _ask(self, prompt: str) -> None:
        self._last = prompt
        _, tally = send_question(self._client, self._conversation, prompt, self._options)
        print_status(tally.summary())

    def _new(self, _: str) -> None:
        agent, model = self._conversation.agent, self._conversation.model
        self._conversation = self._client.chat(agent=agent, model=model)
        print_status("started a new conversation")

    def _model(self, name: str) -> None:
        available = self._client.models()
        if name:
            self._choose(
                "model", name, [one.id for one in available] + [one.spec for one in available]
            )
        else:
            self._list(
                (one.id, self._conversation.model, one.default, one.provider) for one in available
            )

    def _agent(self, name: str) -> None:
        available = self._client.agents()
        if name:
            self._choose("agent", name, [one.id for one in available])
        else:
            self._list(
                (one.id, self._conversation.agent, one.default, one.description)
                for one in available
            )

    def _choose(self, what: str, name: str, available: list[str]) -> None:
        if name not in available:
            print_status(f"There is no {what} {name!r}; /{what} lists them.")
            return
        setattr(self._conversation, what, name)
        print_status(f"{what}: {name}")

    def _list(self, rows: Iterable[tuple[str, str | None, bool, str]]) -> None:
        for name, chosen, default, description in rows:
            active = name == chosen if chosen else default
            print_status(f"{'*' if active else ' '} {name}  {description}".rstrip())

    def _retry(self, _: str) -> None:
        if self._last is None:
            print_status("There is no question yet.")
        else:
            print_status(self._last)
            self._ask(self._last)

    def _unknown(self, _: str) -> None:
        print_status(
            "Unknown command; /help lists the commands. To send a message with a slash at its "
            "beginning, type a space before it."
        )


class _CommandCompleter(Completer):
    """Completes the commands of a session and their arguments when Tab is pressed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if not text.startswith("/"):
            return
        command, space, start = text.partition(" ")
        try:
            available = self._session.arguments(command) if space else self._session.commands
        except AgnoStreamError:
            return
        wanted = start if space else command
        for word in available:
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
    """Return the questions of earlier sessions, kept in a file that only its owner can read.

    If the file cannot be used, the history is in memory only.
    """
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    file = home / "agno-stream" / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
