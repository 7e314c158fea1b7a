"""`agno-stream conversations`: list, show, rename, pin, export, delete what the server stores."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from agno_stream.cli_ask import client_config, look, print_status, show_messages
from agno_stream.cli_runs import local_time
from agno_stream.client import Client
from agno_stream.errors import AgnoStreamError


def conversations(options: argparse.Namespace) -> int:
    """Do the action, and return the exit code."""
    with Client(client_config(options)) as client:
        return _ACTIONS[options.action](client, options)


def _list(client: Client, options: argparse.Namespace) -> int:
    for one in client.conversations(options.limit, query=options.query):
        if options.json:
            found = {name: value for name, value in asdict(one).items() if name != "messages"}
            print(json.dumps(found, ensure_ascii=False))
        else:
            mark = "* " if one.pinned_at else ""
            when = local_time(one.updated_at)
            print(f"{one.conversation_id}  {when}  {mark}{one.title}".rstrip())
    return 0


def _show(client: Client, options: argparse.Namespace) -> int:
    found = client.conversation(options.conversation_id)
    if options.json:
        print(json.dumps(asdict(found), ensure_ascii=False))
        return 0
    print_status(f"{found.title} · {local_time(found.updated_at)}")
    show_messages(found.messages, look(client, options))
    return 0


def _rename(client: Client, options: argparse.Namespace) -> int:
    found = client.rename_conversation(options.conversation_id, options.title)
    print(found.title)
    return 0


def _pin(client: Client, options: argparse.Namespace) -> int:
    found = client.pin_conversation(options.conversation_id, options.action == "pin")
    print(found.title)
    return 0


def _export(client: Client, options: argparse.Namespace) -> int:
    form: Literal["md", "json"] = "json" if options.json or options.format == "json" else "md"
    text = client.export_conversation(options.conversation_id, form)
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise AgnoStreamError(f"{options.output} cannot be written: {error.strerror}") from error
    print(options.output)
    return 0


def _delete(client: Client, options: argparse.Namespace) -> int:
    code = 0
    for name in options.conversation_ids:
        try:
            client.delete_conversation(name)
        except AgnoStreamError as failure:
            print(f"agno-stream: {failure}", file=sys.stderr)
            code = 1
        else:
            print(f"deleted {name}")
    return code


_ACTIONS = {
    "list": _list,
    "show": _show,
    "rename": _rename,
    "pin": _pin,
    "unpin": _pin,
    "export": _export,
    "delete": _delete,
}
