"""The prompt of the interactive chat: its keys, its completion, its history."""

from collections.abc import Iterable
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from agno_stream.cli_media import state_folder
from agno_stream.errors import AgnoStreamError


class Commands(Protocol):
    """The commands of a session, and the possible arguments of each."""

    @property
    def commands(self) -> list[str]: ...

    def arguments(self, command: str) -> list[str]: ...


class CommandCompleter(Completer):
    """Completes the commands of a session and their arguments when Tab is pressed."""

    def __init__(self, session: Commands) -> None:
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


def keys() -> KeyBindings:
    """Return the keys of the prompt: Enter sends, Alt-Enter begins a new line."""
    bindings = KeyBindings()

    @bindings.add("enter")
    def enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    def line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


def history() -> History:
    """Return the questions of earlier sessions, kept in a file that only its owner can read.

    If the file cannot be used, the history is in memory only.
    """
    file = state_folder() / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
