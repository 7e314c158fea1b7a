"""`agno-stream runs`: list, watch, resume, show, approve or cancel a run by its id."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from agno_stream.cli_ask import client_config, look, show, show_parts
from agno_stream.cli_decide import decide, describe, go_on, has_terminal
from agno_stream.client import Client
from agno_stream.decisions import Decision, approve, deny
from agno_stream.types import ModelResponse


def runs(options: argparse.Namespace) -> int:
    """List runs, or watch, resume, show, approve or cancel one, and return the exit code."""
    with Client(client_config(options)) as client:
        if options.action == "list":
            return _list(client, options)
        if options.action in ("watch", "resume"):
            run_id, after = options.run_id, 0
            if options.action == "resume":
                run_id, after = _event(run_id, options.after)
            pace = options.action == "watch" and options.pace
            chunks = client.resume(run_id, after, pace=pace)
            code, _ = show(client, chunks, look(client, options), owned=False)
            return code
        if options.action == "approve":
            return _approve(client, options)
        call = client.cancel if options.action == "cancel" else client.run
        state = call(options.run_id)
        if options.json:
            print(json.dumps(state.raw, ensure_ascii=False))
        else:
            _print_state(state)
            if options.action == "show" and state.parts:
                print()
                show_parts(state.parts, look(client, options))
    return 0


def _list(client: Client, options: argparse.Namespace) -> int:
    found = client.runs(options.conversation, status="paused" if options.paused else None)
    waits = any(one.requirements for one in found) and not options.json
    agents = {one.id for one in client.agents()} if waits else set()
    for one in found:
        if options.json:
            print(json.dumps(asdict(one), ensure_ascii=False))
        else:
            question = " ".join(one.question.split())[:80]
            print(f"{one.run_id}  {one.status}  {local_time(one.created_at)}  {question}".rstrip())
            for requirement in one.requirements or ():
                print(f"  {describe(requirement)}")
            if one.requirements and one.agent and one.agent not in agents:
                print(f"  ✗ this server has no agent {one.agent!r}, which the run needs to go on")
    return 0


def _approve(client: Client, options: argparse.Namespace) -> int:
    """Decide on a paused run, by flags or at the terminal, and show the run that continues it."""
    if options.deny is None and not options.yes and not has_terminal():
        print("agno-stream: no terminal to ask in: use --yes or --deny NOTE", file=sys.stderr)
        return 2
    waiting = {one.run_id: one for one in client.runs(status="paused")}
    found = waiting.get(options.run_id)
    requirements = (found.requirements if found is not None else None) or ()
    if not requirements:
        print(f"agno-stream: run {options.run_id} does not wait for a person.", file=sys.stderr)
        return 1
    made: list[Decision] | None
    if options.deny is not None:
        made = deny(requirements, options.deny)
    elif options.yes:
        made = approve(requirements)
    else:
        made = decide(requirements)
    if made is None:
        return 1
    chunks = client.continue_run(options.run_id, made)
    code, tally = show(client, chunks, look(client, options))
    return go_on(client, code, tally, options)[0]


def _event(run_id: str, after: int | None) -> tuple[str, int]:
    """Return a run id and an event number, from `<id>:<event>`, or from an id and the flag
    `--after`."""
    head, colon, number = run_id.rpartition(":")
    if after is None and colon and number.isdigit():
        return head, int(number)
    return run_id, after or 0


def _print_state(state: ModelResponse) -> None:
    lines = {
        "run": state.run_id,
        "status": state.status,
        "ended as": state.finish_reason,
        "error": state.error,
        "agent": state.agent,
        "model": state.model,
        "conversation": state.conversation_id,
        "last event": state.number,
        "began": local_time(state.created_at),
        "ended": local_time(state.ended_at),
        "tokens": (state.usage or {}).get("output_tokens"),
    }
    for name, value in lines.items():
        if value is not None:
            print(f"{name + ':':14}{value}", file=sys.stdout)


def local_time(seconds: float | None) -> str | None:
    """A time as people read it, in the time zone of this machine."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(" ", "seconds")
