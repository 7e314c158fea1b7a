"""The log: one line a run, for people or programs, with no text and no secret in it."""

import json
import logging
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from app.logs import JsonLines, logfmt
from tests.command import Command
from tests.provider import Provider
from tests.provider_replies import Reply, refusal

CHAT = "/api/v1/chat"
KEY = 'odd "key" of\\the tests'
FIELDS = {
    "run",
    "conversation",
    "principal",
    "agent",
    "model",
    "ending",
    "first_token",
    "duration",
    "input_tokens",
    "output_tokens",
    "estimated",
    "readers",
    "resumes",
    "request_id",
}


def settings(provider: Provider, **further: str) -> dict[str, str]:
    return {"MODEL": "openai:m", "OPENAI_BASE_URL": provider.url, "UPSTREAM_RETRIES": "0"} | further


def ask(command: Command, **fields: Any) -> httpx.Response:
    headers = {"X-Request-Id": "from-the-client"}
    payload = {"message": "tell me of ORCHIDS", **fields}
    return httpx.post(command.url + CHAT, json=payload, headers=headers, timeout=30)


def test_a_line_for_each_run(tmp_path: Path, provider: Provider) -> None:
    """As text a run is one line of names and values, without what its question and answer."""
    provider.script(Reply("of TULIPS then"), refusal(429, "Slow down.", "rate_limit_exceeded"))
    with Command(tmp_path, **settings(provider)) as command:
        first, second = ask(command), ask(command)
        command.stop()
        lines = [line for line in command.output.splitlines() if "run ended" in line]
        output = command.output
    one, two = (
        dict(pair.split("=", 1) for pair in shlex.split(line.split("run ended ")[1]))
        for line in lines
    )
    assert FIELDS == one.keys()
    assert FIELDS - {"first_token"} | {"error"} == two.keys()
    assert (first.headers["x-run-id"], "stop") == (one["run"], one["ending"])
    assert (second.headers["x-run-id"], "model_rate_limited") == (two["run"], two["error"])
    assert ("m", "general", "anonymous") == (one["model"], one["agent"], one["principal"])
    assert ("3", "false") == (one["output_tokens"], one["estimated"])
    assert "from-the-client" == one["request_id"]
    assert ("1", "0") == (one["readers"], one["resumes"])
    assert "ORCHIDS" not in output
    assert "TULIPS" not in output


@pytest.mark.parametrize("messages", [False, True])
def test_json_lines_have_the_fields_of_a_run(
    tmp_path: Path, provider: Provider, messages: bool
) -> None:
    """As JSON each line is an object, uvicorn's and Agno's, too; texts are in it if they are
    wanted, and the key never is."""
    provider.script(
        Reply("of TULIPS\nand roses"),
        refusal(400, f"Bad request of key {KEY}, api_key={KEY}", "invalid"),
    )
    further = {"LOG_FORMAT": "json", "LOG_MESSAGES": str(int(messages)), "OPENAI_API_KEY": KEY}
    arguments = ("-m", "app", "serve", "--port", "0")
    with Command(tmp_path, arguments, **settings(provider, **further)) as command:
        ask(command)
        refused = ask(command)
        messages_of = [{"role": "user", "content": "tell me of ORCHIDS"}]
        httpx.post(
            f"{command.url}/v1/chat/completions",
            json={"model": "general", "messages": messages_of},
            timeout=30,
        )
        command.stop()
        output = command.output
    lines = [json.loads(line) for line in output.splitlines()]
    runs = [line for line in lines if line["event"] == "run ended"]
    assert all({"event", "level", "logger", "timestamp"} <= line.keys() for line in lines)
    assert {"uvicorn.error", "app.startup", "app.run", "agno"} <= {line["logger"] for line in lines}
    assert FIELDS | {"error"} <= runs[0].keys()
    assert (4, False, None) == (
        runs[0]["output_tokens"],
        runs[0]["estimated"],
        runs[0]["error"],
    )
    assert "model_refused_request" == runs[1]["error"]
    assert {"from-the-client"} == {line["request_id"] for line in lines if line["logger"] == "agno"}
    if messages:
        assert ("tell me of ORCHIDS", "of TULIPS\nand roses") == (
            runs[0]["question"],
            runs[0]["answer"],
        )
        assert ["tell me of ORCHIDS"] * 3 == [run["question"] for run in runs]
    else:
        assert "ORCHIDS" not in output
        assert "TULIPS" not in output
    for text in (output, refused.text):
        assert KEY not in text
        assert json.dumps(KEY)[1:-1] not in text


def test_redaction_leaves_json_whole() -> None:
    """What looks like a secret at a value's end does not take the rest of its line with it."""
    formatter = JsonLines()
    formatter.secrets.add(KEY)
    record = logging.LogRecord(
        "n", logging.ERROR, "f", 1, "api_key=abcdef %s", ({"key": KEY},), None
    )
    try:
        raise ValueError(f"with {KEY} and sk-0123456789abcdef")
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    line = json.loads(formatter.format(record))
    assert "error" == line["level"]
    assert "ValueError: with [redacted] and [redacted]" in line["exception"]
    assert "abcdef" not in json.dumps(line)


@pytest.mark.parametrize(
    "value",
    ["", "a", "a b", "a=b", 'a"b', "a\nb", "a\\b", "a\\b c", 'a \\"\n=', "ä", True, False, 3, 0.25],
)
def test_fields_are_written_as_structlog_writes_them(value: object) -> None:
    """The fields of a run's line have the form of structlog's renderer of logfmt."""
    renderer = structlog.processors.LogfmtRenderer(bool_as_flag=False)
    fields = {"one": value, "two": 2}
    assert renderer(None, "", {**fields}) == logfmt(fields)
