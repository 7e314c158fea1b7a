"""Pauses by the client and the command line, against a real server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agno_stream import AsyncClient, Client, ModelResponse
from agno_stream.cli_decide import decide, describe
from agno_stream.decisions import approve, deny
from tests.command import ROOT
from tests.pauses.kinds import KINDS
from tests.provider import Provider
from tests.server import Server

APPROVAL = KINDS[0]


@pytest.fixture
def server(provider: Provider, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, agents=[APPROVAL.component(provider)]) as running:
        yield running


def test_a_program_approves(server: Server, provider: Provider) -> None:
    """An answer has what it waits for, and `continue_run` gives the rest."""
    with Client(server.url) as client:
        provider.script(*APPROVAL.before)
        answer = client.generate("Please.", agent=APPROVAL.name)
        assert ("paused", True) == (answer.finish_reason, answer.success)
        assert answer.requirements is not None
        assert answer.run_id is not None
        [run] = client.runs(status="paused")
        assert run.requirements is not None
        assert (answer.run_id, answer.requirements) == (run.run_id, list(run.requirements))
        provider.script(*APPROVAL.after)
        chunks = client.continue_run(answer.run_id, approve(answer.requirements))
        second = ModelResponse.from_chunks(chunks)
        assert (APPROVAL.answer, answer.conversation_id) == (second.text, second.conversation_id)
        assert [] == client.runs(status="paused")
        again = ModelResponse.from_chunks(client.continue_run(answer.run_id, []))
        assert again.failure is not None
        assert "invalid_decision" == again.failure.code


async def test_a_program_denies(server: Server, provider: Provider) -> None:
    """The asynchronous client refuses, and the model gets the reason."""
    async with AsyncClient(server.url) as client:
        provider.script(*APPROVAL.before)
        last = [c async for c in client.generate_stream("Please.", agent=APPROVAL.name)][-1]
        assert last.requirements is not None
        assert last.run_id is not None
        provider.script(*APPROVAL.after)
        made = deny(last.requirements, "Too expensive.")
        text = "".join([c.text async for c in client.continue_run(last.run_id, made)])
    assert APPROVAL.answer == text
    assert "Too expensive." in json.dumps(provider.requests[-1].body)


def command(server: Server, *arguments: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "agno_stream", *arguments, "--url", server.url]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)


def test_the_command_line_lists_and_approves(
    server: Server, provider: Provider, tmp_path: Path
) -> None:
    """`chat` prints the command for the run that waits, `runs list --paused` what it waits for,
    `runs approve` goes on, by flags alone if there is no terminal."""
    provider.script(*APPROVAL.before)
    asked = command(server, "chat", "Please.", "--agent", APPROVAL.name)
    listed = command(server, "runs", "list", "--paused").stdout
    assert 'refund(city="Oslo")' in listed
    assert "no agent" not in listed
    run_id = listed.split()[0]
    assert f"agno-stream runs approve {run_id} --url {server.url}\n" in asked.stdout
    silent = command(server, "runs", "approve", run_id)
    expected = "agno-stream: no terminal to ask in: use --yes or --deny NOTE\n"
    assert (2, "", expected) == (silent.returncode, silent.stdout, silent.stderr)
    with Server(tmp_path) as other:
        missing = command(other, "runs", "list", "--paused").stdout
    assert f"this server has no agent {APPROVAL.name!r}" in missing
    provider.script(*APPROVAL.after)
    approved = command(server, "runs", "approve", run_id, "--yes")
    assert (0, True) == (approved.returncode, APPROVAL.answer in approved.stdout), approved
    again = command(server, "runs", "approve", run_id, "--yes")
    assert (1, True) == (again.returncode, "does not wait" in again.stderr)


TYPED: dict[str, tuple[list[str], dict[str, Any]]] = {
    "approval": (["maybe", "y"], {"confirmed": True}),
    "refusal": (["n", "Too late."], {"confirmed": False, "note": "Too late."}),
    "input": (["Bergen", "7", ""], {"values": {"city": "Bergen", "count": 7}}),
    "feedback": (["9", "2"], {"answers": {"Which?": ["Rome"]}}),
    "external": (["it ran"], {"result": "it ran"}),
    "step_review": (["y"], {"confirmed": True}),
}
ASKED: dict[str, dict[str, Any]] = {
    "input": {
        "fields": [{"name": "city"}, {"name": "count", "type": "int"}, {"name": "rest"}],
    },
    "feedback": {
        "questions": [{"question": "Which?", "options": [{"label": "Oslo"}, {"label": "Rome"}]}]
    },
    "step_review": {"output": "A draft."},
}


@pytest.mark.parametrize("kind", TYPED)
def test_a_person_decides_at_the_terminal(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is typed becomes the decision; what cannot be one is asked for again; a refusal is
    marked as one."""
    typed, expected = TYPED[kind]
    words = iter(typed)
    requirement = {"id": "q1", "kind": {"refusal": "approval"}.get(kind, kind)}
    made = decide([{**requirement, **ASKED.get(kind, {})}], lambda _: next(words))
    assert [{"id": "q1", **expected}] == made
    assert (kind == "refusal") == ("✗ denied" in capsys.readouterr().out)


def test_a_question_shows_the_whole_call() -> None:
    """A call is written as everywhere in the terminal, but no argument is cut, and none moves the
    cursor."""
    tool = {"name": "cancel", "arguments": {"order_id": 4711, "why": "x" * 60 + "\x9b"}}
    requirement = {"id": "q1", "kind": "approval", "member": "Clerk", "tool": tool}
    assert f'Clerk: cancel(order_id=4711, why="{"x" * 60}�")' == describe(requirement)


def test_no_decision_at_the_end_of_the_input() -> None:
    """The end of the input decides nothing."""

    def end(_: str) -> str:
        raise EOFError

    assert decide([{"id": "q1", "kind": "approval"}], end) is None
