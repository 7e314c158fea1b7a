"""Second answers in the interactive chat: `/again`, `/edit` and `/branch`."""

import argparse
from collections.abc import Sequence

from agno_stream.chats import Chat
from agno_stream.cli_ask import look, print_status, show, show_messages
from agno_stream.cli_show import Tally, as_chunks
from agno_stream.client import Client
from agno_stream.errors import NotFound
from agno_stream.infos import Message
from agno_stream.types import ModelResponse


def last_turn(conversation: Chat) -> tuple[str, str] | None:
    """Return the run and the question of the last turn of a conversation; None without turns.

    Raises `AgnoStreamError`.
    """
    messages = _stored(conversation)
    run_id = messages[-1].run_id if messages else None
    if run_id is None:
        return None
    question = next((m.content for m in messages if m.run_id == run_id and m.role == "user"), "")
    return run_id, question


def send_again(
    client: Client,
    conversation: Chat,
    run_id: str,
    prompt: str | None,
    options: argparse.Namespace,
) -> tuple[int, Tally]:
    """Answer a turn again, or another question in its place, and show the answer; return the exit
    code and the answer's figures."""
    if prompt is None:
        chunks = conversation.regenerate(run_id)
    else:
        chunks = conversation.edit(run_id, prompt)
    if options.no_stream:
        whole = as_chunks(lambda: ModelResponse.from_chunks(chunks), whole=options.json)
        return show(client, whole, look(client, options))
    return show(client, chunks, look(client, options))


def show_branches(
    client: Client, conversation: Chat, number: str, options: argparse.Namespace
) -> None:
    """Say which of its siblings the last turn with any is, or show the one of a number instead."""
    messages = _stored(conversation)
    turn = next((message for message in reversed(messages) if message.siblings), None)
    if turn is None:
        print_status("No turn has another one in its place; /again and /edit make one.")
        return
    if number.isdecimal() and 0 < int(number) <= len(turn.siblings):
        run_id = turn.siblings[int(number) - 1]
        messages = client.select_branch(conversation.id, run_id).messages
        show_messages(_from(messages, run_id), look(client, options))
        print_status(f"{number}/{len(turn.siblings)}")
        return
    question = next(m.content for m in messages if m.run_id == turn.run_id)
    place = turn.siblings.index(turn.run_id or "") + 1
    print_status(f"{question}  {place}/{len(turn.siblings)}; /branch N shows another one")


def _stored(conversation: Chat) -> Sequence[Message]:
    """Return the messages of a conversation; none if it has not begun."""
    try:
        return conversation.messages()
    except NotFound:
        return ()


def _from(messages: Sequence[Message], run_id: str) -> list[Message]:
    """Return the messages from a turn on."""
    start = next((n for n, message in enumerate(messages) if message.run_id == run_id), 0)
    return list(messages[start:])
