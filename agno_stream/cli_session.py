"""The interactive chat: the prompt, its commands, and the answers."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from prompt_toolkit import PromptSession

from agno_stream.chats import Chat
from agno_stream.cli_ask import image, look, print_status, send_question, show_messages
from agno_stream.cli_branches import last_turn, send_again, show_branches
from agno_stream.cli_decide import go_on
from agno_stream.cli_lines import followup_lines
from agno_stream.cli_prompt import CommandCompleter, history, keys
from agno_stream.cli_show import Tally
from agno_stream.client import Client
from agno_stream.errors import AgnoStreamError

HELP = """\
/new            start a new conversation
/model [NAME]   choose the model; without a name: list the models
/agent [NAME]   choose the agent; without a name: list the agents
/retry          send the last question again
/again          answer the last question again, in the place of the last answer
/edit [TEXT]    send another question in the place of the last one
/fork           continue from here in a new conversation
/branch [N]     show the Nth of the answers that stand in one place; without N: how many
/image FILE     send a picture with the next question
/history        show the messages of this conversation
/open [ID]      continue an earlier conversation; without an id: list the latest
/help           list the commands
/exit           end the session, like Ctrl-D
A number alone sends the question that was suggested under it.
Enter sends; Alt-Enter, or a \\ at the end, begins a new line. Ctrl-C stops an answer."""


class Session:
    """An interactive chat: a loop of questions and commands, which continues after a failed
    answer."""

    def __init__(self, client: Client, conversation: Chat, options: argparse.Namespace) -> None:
        self._client, self._conversation, self._options = client, conversation, options
        self._last: str | None = None
        self._images: list[str] = list(options.image)  # for the next question
        self._suggestions: list[str] = []
        self._listed: list[str] = []  # ids of conversations, as `/open` has numbered them
        self._commands: dict[str, Callable[[str], None]] = {
            "/new": self._new,
            "/model": self._model,
            "/agent": self._agent,
            "/retry": self._retry,
            "/again": self._again,
            "/edit": self._edit,
            "/fork": self._fork,
            "/branch": self._branch,
            "/image": self._image,
            "/history": self._history,
            "/open": self._open,
            "/help": lambda _: print_status(HELP),
        }
        self._prompt: PromptSession[str] = PromptSession(
            "> ",
            multiline=True,
            prompt_continuation="  ",
            key_bindings=keys(),
            history=history(),
            completer=CommandCompleter(self),
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
        self._suggest(chosen[0].suggestions if chosen else ())
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
                    self._ask(self._suggested(line.strip()))
            except AgnoStreamError as failure:
                print_status(str(failure))
            except KeyboardInterrupt:
                print_status("stopped")

    def arguments(self, command: str) -> list[str]:
        """Return the possible arguments of a command, for completion; empty if it takes none."""
        if command == "/model":
            return [one.id for one in self._client.models()]
        if command == "/open":
            return [one.conversation_id for one in self._client.conversations(10)]
        return [one.id for one in self._client.agents()] if command == "/agent" else []

    @property
    def commands(self) -> list[str]:
        """The names of all commands, each with its slash."""
        return [*self._commands, "/exit"]

    def _ask(self, prompt: str) -> None:
        self._last = prompt
        images, self._images = self._images, []
        self._answered(
            *send_question(self._client, self._conversation, prompt, self._options, images)
        )

    def _again(self, _: str, prompt: str | None = None) -> None:
        found = last_turn(self._conversation)
        if found is None:
            print_status("There is no question yet.")
            return
        self._last = prompt or found[1]
        print_status(self._last)
        given = (self._client, self._conversation, found[0], prompt, self._options)
        self._answered(*send_again(*given))

    def _edit(self, text: str) -> None:
        found = last_turn(self._conversation)
        if found is not None and not text:
            with suppress(EOFError):
                text = self._prompt.prompt(default=found[1]).strip()
        if text or found is None:
            self._again("", text)

    def _fork(self, _: str) -> None:
        copy = self._client.fork_conversation(self._conversation.id)
        agent, model = self._conversation.agent, self._conversation.model
        self._conversation = self._client.chat(copy.conversation_id, agent=agent, model=model)
        print_status(f"continuing in a copy, {copy.conversation_id}")

    def _branch(self, number: str) -> None:
        show_branches(self._client, self._conversation, number, self._options)

    def _answered(self, code: int, tally: Tally) -> None:
        """Let the user decide on what the answer waits for, and show its figures."""
        _, tally = go_on(self._client, code, tally, self._options)
        self._suggestions = tally.last.followups or []
        print_status(tally.summary())

    def _suggest(self, questions: Sequence[str]) -> None:
        """Show questions that a number chooses."""
        self._suggestions = list(questions)
        if questions:
            print_status(followup_lines(questions))

    def _suggested(self, line: str) -> str:
        """The question that a line stands for: the line itself, or the suggestion of its number."""
        if line.isdecimal() and 0 < int(line) <= len(self._suggestions):
            return self._suggestions[int(line) - 1]
        return line

    def _image(self, name: str) -> None:
        image(name)  # raises, if it cannot be sent
        self._images.append(name)
        print_status(f"{name} goes with the next question")

    def _history(self, _: str) -> None:
        show_messages(self._conversation.messages(), look(self._client, self._options))

    def _open(self, name: str) -> None:
        if not name:
            found = self._client.conversations(10)
            self._listed = [one.conversation_id for one in found]
            for number, one in enumerate(found, 1):
                print_status(f"{number}. {one.title}  {one.conversation_id}")
            return
        if name.isdecimal() and 0 < int(name) <= len(self._listed):
            name = self._listed[int(name) - 1]
        opened = self._client.conversation(name)
        agent, model = self._conversation.agent, self._conversation.model
        self._conversation = self._client.chat(name, agent=agent or opened.agent, model=model)
        print_status(opened.title)
        show_messages(opened.messages[-2:], look(self._client, self._options))

    def _new(self, _: str) -> None:
        agent, model = self._conversation.agent, self._conversation.model
        self._conversation = self._client.chat(agent=agent, model=model)
        self._suggestions = []
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
