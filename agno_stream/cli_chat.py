"""`agno-stream chat`: one question, or a conversation."""

import argparse
import sys

from agno_stream.cli_ask import client_config, print_status, send_question
from agno_stream.client import Client


def chat(options: argparse.Namespace) -> int:
    """Answer one question, or hold a conversation, and return the exit code.

    The question comes from the arguments, or else from standard input. Without a question on a
    terminal a conversation begins.
    """
    # Bytes that are not UTF-8 arrive as lone surrogates, which cannot be sent.
    question = " ".join(options.message).encode(errors="replace").decode()
    with Client(client_config(options)) as client:
        conversation = client.chat(options.conversation, agent=options.agent, model=options.model)
        if question in ("", "-"):
            if not question and sys.stdin.isatty() and sys.stdout.isatty():
                try:
                    from agno_stream.cli_session import Session
                except ModuleNotFoundError as missing:
                    print(f"agno-stream: a conversation needs {missing.name}.", file=sys.stderr)
                    return 2
                return Session(client, conversation, options).run()
            question = sys.stdin.buffer.read().decode(errors="replace").strip()
        if not question:
            print("agno-stream chat: the question is empty.", file=sys.stderr)
            return 2
        code, tally = send_question(client, conversation, question, options, options.image)
        if sys.stdout.isatty() and not options.json:
            print_status(f"{tally.summary()} · --conversation {conversation.id}")
        return code
