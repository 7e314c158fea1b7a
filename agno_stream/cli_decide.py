"""Decisions of a person at a terminal on what a paused run waits for."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from agno_stream.cli_ask import at_server, look, print_status, show
from agno_stream.cli_lines import call_text
from agno_stream.cli_show import Tally
from agno_stream.client import Client
from agno_stream.decisions import Decision, Requirement

Read = Callable[[str], str]

YES, NO = frozenset({"y", "yes"}), frozenset({"n", "no"})


def go_on(
    client: Client, code: int, tally: Tally, options: argparse.Namespace
) -> tuple[int, Tally]:
    """Read decisions from the terminal, and show the run that continues the paused one, until a run
    waits no more; return the exit code and the figures of the last one.

    Without a terminal, or without a decision, the run keeps waiting.
    """
    asks = has_terminal() and not options.json
    while (requirements := tally.last.requirements) and tally.run_id is not None:
        made = decide(requirements) if asks else None
        if made is None:
            if not options.json:
                here = at_server(client.config.url)
                print_status(f"The run waits: agno-stream runs approve {tally.run_id}{here}")
            break
        chunks = client.continue_run(tally.run_id, made)
        code, tally = show(client, chunks, look(client, options))
    return code, tally


def has_terminal() -> bool:
    """Whether a person can read a question and type the answer to it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def decide(requirements: Sequence[Requirement], read: Read = input) -> list[Decision] | None:
    """Read one decision after the other; return None if there is none, because the input ends or
    is interrupted."""
    try:
        return [_decide(one, read) for one in requirements]
    except (EOFError, KeyboardInterrupt):
        print()
        return None


def describe(requirement: Requirement) -> str:
    """Return what a requirement is about, in one line."""
    who = requirement.get("member") or requirement.get("step")
    tool = requirement.get("tool")
    parts = [f"{who}:"] if who else []
    if tool:
        parts.append(call_text(tool, long=True))  # whoever approves must see all of it
    if requirement.get("note"):
        parts.append(str(requirement["note"]))
    return " ".join(parts) or str(requirement["kind"])


def _decide(requirement: Requirement, read: Read) -> Decision:
    print_status(describe(requirement))
    if requirement.get("output"):
        print(requirement["output"])
    made: Decision = {"id": requirement["id"]}
    kind = requirement["kind"]
    if kind == "input":
        made["values"] = {}
        for field in requirement.get("fields") or ():
            text = read(_prompt(field))
            if text:
                made["values"][field["name"]] = _value(text, field.get("type", "str"))
    elif kind in ("feedback", "choice"):
        questions = requirement.get("questions") or ()
        made["answers"] = {one["question"]: _answer(one, read) for one in questions}
    elif kind == "external":
        made["result"] = read("result: ")
    else:
        made["confirmed"] = _yes(read)
        if not made["confirmed"]:
            note = read("reason for the model (optional): ")
            if note:
                made["note"] = note
            print_status("✗ denied")
    return made


def _yes(read: Read) -> bool:
    while (word := read("approve? [y/n] ").strip().lower()) not in YES | NO:
        pass
    return word in YES


def _prompt(field: Requirement) -> str:
    details = [str(field.get("type") or "str")]
    if field.get("description"):
        details.append(str(field["description"]))
    if field.get("value") is not None:
        details.append(f"now {field['value']!r}")
    if field.get("allowed"):
        details.append(f"one of {', '.join(map(str, field['allowed']))}")
    return f"{field['name']} ({'; '.join(details)}): "


def _value(text: str, kind: str) -> Any:
    """The value that was typed: text as it is, anything else as JSON if it is JSON."""
    if kind in ("str", "string"):
        return text
    try:
        return json.loads(text.lower() if kind in ("bool", "boolean") else text)
    except ValueError:
        return text


def _answer(question: Requirement, read: Read) -> list[str]:
    labels = [str(option["label"]) for option in question.get("options") or ()]
    print(question["question"])
    for number, option in enumerate(question.get("options") or (), 1):
        more = option.get("description")
        print(f"{number}. {option['label']}" + (f": {more}" if more else ""))
    several = bool(question.get("multiple"))
    while True:
        text = read("numbers, with commas: " if several else "number: ")
        words = [word.strip() for word in (text.split(",") if several else [text])]
        if all(word.isdecimal() and 0 < int(word) <= len(labels) for word in words):
            return [labels[int(word) - 1] for word in words]
        if not several and text.strip() and question.get("header") is not None:
            return [text.strip()]  # an answer of one's own
