"""`agno-stream chat`: one question, or a conversation."""

import argparse
import sys

from agno_stream.cli_ask import ask, config, dim
from agno_stream.client import Client


def chat(options: argparse.Namespace) -> int:
    """Ask what the arguments or standard input say; on a terminal without either, converse."""
    # Bytes that are no UTF-8 come as halves of characters, which cannot be sent.
    words = " ".join(options.message).encode(errors="replace").decode()
    with Client(config(options)) as client:
        place = client.chat(options.conversation, agent=options.agent, model=options.model)
        if words in ("", "-"):
            if not words and sys.stdin.isatty() and sys.stdout.isatty():
                try:
                    from agno_stream.cli_session import Session
                except ModuleNotFoundError as missing:
                    print(f"agno-stream: a conversation needs {missing.name}.", file=sys.stderr)
                    return 2
                return Session(client, place, options).run()
            words = sys.stdin.buffer.read().decode(errors="replace").strip()
        if not words:
            print("agno-stream chat: there is nothing to ask.", file=sys.stderr)
            return 2
        code, tally = ask(client, place, words, options)
        if sys.stdout.isatty() and not options.json:
            dim(f"{tally.line()} · --conversation {place.id}")
        return code
