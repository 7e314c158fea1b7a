"""The real command, in a process of its own: starting, serving, stopping, keeping its secrets."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app import __main__, __version__, main
from app.signals import describe_stop
from app.startup import BY_MAKE, command_for
from tests.command import ROOT, Command, environment, run
from tests.provider import Provider
from tests.provider_replies import Reply, refusal
from tests.services import free_port

CHAT = "/api/v1/chat"
SCRIPTS = ["tests/streaming/test_streaming.py", "tests/streaming/stream_test_with_delay.py"]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """A server with the demonstration, for all tests that do not end it."""
    with Command(tmp_path_factory.mktemp("serve")) as running:
        yield running


def test_the_command_starts_with_the_demo_model(command: Command) -> None:
    """The server starts, says which model answers and where it is, and streams."""
    reply = httpx.post(command.url + CHAT, json={"message": "count to 3"}, timeout=30)
    chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line[:6] == "data: "]
    assert "1, 2, 3" == "".join(chunk["content"] for chunk in chunks)
    assert "model: demo (a demonstration; set OPENAI_API_KEY" in command.output
    assert "Traceback" not in command.output


def test_a_port_and_a_model_by_flag(tmp_path: Path, provider: Provider) -> None:
    """Flags count more than the environment, and the start-up line names the model in use."""
    port = str(free_port())
    arguments = ("-m", "app", "serve", "--port", port, "--model", "ollama:llama3.2")
    with Command(tmp_path, arguments, PORT="1", OLLAMA_HOST=provider.origin) as command:
        reply = httpx.post(f"{command.url}/chat", json={"message": "x"}, timeout=30)
    assert f"http://127.0.0.1:{port}" == command.url
    assert "model: ollama:llama3.2 (MODEL); agents: general; data: " in command.output
    assert f"the chat page: http://127.0.0.1:{port}/ (in a browser)" in command.output
    assert "Hello from the provider." == reply.text


def test_a_dot_env_and_agents(tmp_path: Path) -> None:
    """The `.env` and the agents of the folder where the server is started are taken."""
    (tmp_path / ".env").write_text("AGENTS=mine:cook\n")
    (tmp_path / "mine.py").write_text("from agno.agent import Agent\ncook = Agent(name='Cook')\n")
    with Command(tmp_path, DATA_DIR="kept") as command:
        agents = httpx.get(f"{command.url}/api/v1/agents").json()["agents"]
    assert ["cook"] == [agent["id"] for agent in agents]
    assert "agents: cook" in command.output
    assert (tmp_path / "kept" / "conversations.db").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_open_streams(tmp_path: Path, provider: Provider, number: int) -> None:
    """A signal ends a server with an open stream within seconds; the stream says why it ended,
    the model's provider is left, and the exit code is 0."""
    provider.script(Reply("one two three four", stall_after=2))
    settings = {"MODEL": "openai:m", "OPENAI_BASE_URL": provider.url, "SHUTDOWN_GRACE": "0.5"}
    with (
        Command(tmp_path, **settings) as command,
        httpx.stream("POST", command.url + CHAT, json={"message": "x"}, timeout=30) as reply,
    ):
        lines = reply.iter_lines()
        next(line for line in lines if "two" in line)
        began = time.monotonic()
        command.process.send_signal(number)
        rest = [json.loads(line[6:]) for line in lines if line[:6] == "data: "]
        code = command.process.wait(timeout=20)
        took = time.monotonic() - began
    assert ["interrupted"] == [chunk["finish_reason"] for chunk in rest]
    assert "interrupted" == rest[0]["error"]["code"]
    assert 0 == code
    assert took < 5
    assert "Traceback" not in command.output
    provider.wait_for(lambda: provider.aborted)


def test_an_idle_server_stops_at_once(tmp_path: Path) -> None:
    """A server that does nothing ends at once, even if a browser holds a connection open."""
    with Command(tmp_path) as command, httpx.Client(base_url=command.url) as http:
        assert 200 == http.get("/healthz").status_code
        began = time.monotonic()
        assert 0 == command.stop()
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PORT": "http"}, "PORT"),
        ({"MODEL": "openai:gpt-4o-mini"}, "OPENAI_API_KEY"),
        ({"AGENTS": "math:pi"}, "AGENTS"),
    ],
)
def test_a_wrong_setting_is_reported_by_name(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    """A setting that cannot work is one line on standard error, and the exit code is 2."""
    ended = run(tmp_path, "-m", "app", "serve", **settings)
    assert (2, "") == (ended.returncode, ended.stdout)
    assert 1 == len(ended.stderr.splitlines())
    assert ended.stderr.startswith("agno-stream: ")
    assert named in ended.stderr


def test_a_port_in_use(tmp_path: Path) -> None:
    """A port that another program has is reported as a failure, with a command that works."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, "-m", "app", "serve", "--port", port)
    assert 2 == ended.returncode
    assert "address already in use" in ended.stderr
    assert f"PORT: {port} of 127.0.0.1" in ended.stderr
    assert re.search(r"type: agno-stream serve --port \d+$", ended.stderr.strip())
    assert 1 == len(ended.stderr.splitlines())


@pytest.mark.parametrize(
    ("words", "by_make", "command"),
    [
        ("serve", False, "agno-stream serve --port 8001"),
        ("serve --port 8000", False, "agno-stream serve --port 8001"),
        ("serve --port=8000 --model demo", False, "agno-stream serve --model demo --port 8001"),
        ("serve --agents 'a b:c'", False, "agno-stream serve --agents 'a b:c' --port 8001"),
        ("serve", True, "PORT=8001 make run"),
        ("serve --port 8000 --model demo", True, "PORT=8001 make run ARGS='--model demo'"),
    ],
)
def test_the_command_for_another_port(words: str, command: str, *, by_make: bool) -> None:
    """A person is given the command that was typed, with a free port."""
    assert command == command_for(8001, shlex.split(words), by_make=by_make)


def test_make_says_that_it_starts_the_server() -> None:
    """`make run` sets the variable by which the server knows what a person has typed."""
    run_recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nrun: ")[2]
    assert f"{BY_MAKE}=1" in run_recipe.splitlines()[1]


@pytest.mark.parametrize(
    ("live", "seconds", "text"),
    [
        (0, 10.0, ": no run is active"),
        (0, 0.0, ": no run is active"),
        (1, 10.0, ": 1 run has up to 10 s to end"),
        (2, 0.5, ": 2 runs have up to 0.5 s to end"),
        (1, 0.0, ": 1 active run is interrupted"),
        (3, 0.0, ": 3 active runs are interrupted"),
    ],
)
def test_what_a_stop_waits_for(live: int, seconds: float, text: str) -> None:
    """A server that stops logs what it waits for, or what it interrupts."""
    assert text == describe_stop(live, seconds)


def test_a_full_disk(tmp_path: Path) -> None:
    """A folder in which nothing can be written is named, with the reason, and no traceback."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "from app.__main__ import main; sys.exit(main(['serve', '--port', '0']))"
    )
    ended = run(tmp_path, "-c", program)
    assert (2, 1) == (ended.returncode, len(ended.stderr.splitlines()))
    assert ended.stderr.startswith("agno-stream: DATA_DIR: nothing can be written in data: ")


def test_names_that_are_no_settings(tmp_path: Path) -> None:
    """A misspelt name in `.env` is a warning with the right one."""
    (tmp_path / ".env").write_text("PORTT=1\nIDLE_TIMEOUT=90s\n")
    with Command(tmp_path) as command:
        assert ".env: PORTT is no setting; did you mean PORT?" in command.output


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--version"], 0, __version__),
        (["--help"], 0, "serve"),
        (["serve", "--help"], 0, "--model"),
        (["serve", "--help"], 0, "OPENAI_BASE_URL"),
        ([], 2, "command"),
        (["fly"], 2, "fly"),
        (["serve", "--port", "x"], 2, "--port"),
        (["serve", "--wings", "2"], 2, "--wings"),
    ],
)
def test_the_command_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, named: str
) -> None:
    """The command explains itself, and names what it does not understand."""
    with pytest.raises(SystemExit) as ended:
        __main__.main(arguments)
    output = capsys.readouterr()
    assert code == ended.value.code
    assert named in output.out + output.err


def test_uvicorn_serves_the_app(tmp_path: Path) -> None:
    """`uvicorn app.main:app` serves, logs each request, and ends its streams as well."""
    arguments = ("-m", "uvicorn", "app.main:app", "--port", "0")
    with (
        Command(tmp_path, arguments) as command,
        httpx.stream("POST", command.url + CHAT, json={"message": "slow"}, timeout=30) as reply,
    ):
        lines = reply.iter_lines()
        next(lines)
        command.stop()
        rest = [line for line in lines if line[:6] == "data: "]
    assert '"finish_reason":"interrupted"' in rest[-1]
    assert 'POST /api/v1/chat HTTP/1.1" 200' in command.output
    assert "Traceback" not in command.output


def test_uvicorn_with_a_wrong_setting(tmp_path: Path) -> None:
    """Served by uvicorn, a wrong setting is reported by its name, too."""
    ended = run(tmp_path, "-m", "uvicorn", "app.main:app", PORT="http")
    assert 0 != ended.returncode
    assert "PORT: " in ended.stderr.splitlines()[-1]


def test_fastapi_run_finds_the_app() -> None:
    """`fastapi run app/main.py` looks for the name `app` in the module."""
    assert "app" in dir(main)


ODD_KEY = "my*own(secret)key+of/the.tests"


@pytest.mark.parametrize(
    ("key", "reachable"),
    [("sk-proj-aSecretOfTheTests0123456789", True), (ODD_KEY, True), (ODD_KEY, False)],
)
def test_keys_are_in_no_output(
    tmp_path: Path, provider: Provider, key: str, reachable: bool
) -> None:
    """The key goes to the provider and nowhere else: no answer and no log shows it, not even
    where the provider repeats it in its refusal."""
    provider.default = refusal(401, f"Incorrect API key provided: {key}.", "invalid_api_key")
    url = provider.url if reachable else "http://127.0.0.1:1/v1"
    settings = {"MODEL": "openai:m", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": key}
    with Command(tmp_path, **settings) as command, httpx.Client(base_url=command.url) as http:
        replies = [
            http.post(CHAT, json={"message": "x", "conversation_id": "c"}),
            http.post(CHAT, json={"message": "x", "stream": False}),
            http.post("/chat", json={"message": "x"}),
            http.post(CHAT, json={"message": "x"}, headers={"Accept": "application/x-ndjson"}),
        ]
        replies += [
            http.get(f"/api/v1/runs/{replies[0].headers['x-run-id']}"),
            *(http.get(f"/api/v1/{name}") for name in ("models", "agents", "conversations")),
            http.get("/api/v1/conversations/c"),
            http.get("/openapi.json"),
            http.get("/readyz"),
        ]
        assert 0 == command.stop()
    code = "model_auth_failed" if reachable else "model_unavailable"
    assert all(code in reply.text for reply in replies[:5])
    assert [] == [reply.url for reply in replies if key in f"{reply.text}{reply.headers}"]
    assert key not in command.output
    assert all(key in request.headers["authorization"] for request in provider.requests)


def test_a_key_in_a_providers_error_is_redacted(tmp_path: Path, provider: Provider) -> None:
    """A refusal of any kind may repeat the key; it is taken out of what clients receive."""
    settings = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": ODD_KEY, "MODEL": "openai:m"}
    with Command(tmp_path, **settings) as command:
        for status in (400, 404, 429, 500):
            provider.default = refusal(status, f"Bad request of key {ODD_KEY}.", "bad")
            reply = httpx.post(command.url + CHAT, json={"message": "x"}, timeout=30)
            assert "Bad request of key [redacted]." in reply.text
        command.stop()
    assert ODD_KEY not in command.output


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script(command: Command, script: str) -> None:
    """The scripts show an answer of a running server, and their exit code says that it came."""
    delay = ["--delay", "0"] if "delay" in script else []
    ended = run(ROOT, script, "count to 5", "--url", command.url, "--model", "demo", *delay)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "1, 2, 3, 4, 5" in ended.stdout


def test_the_script_measures(command: Command) -> None:
    """The basic script also tells of how many chunks there were, and how soon the first came."""
    ended = run(ROOT, SCRIPTS[0], "count to 5", "--url", command.url)
    assert re.search(
        r"^5 chunks of demo in [\d.]+ s, the first after [\d.]+ s$", ended.stdout, re.M
    )


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("message", ["Tell me.", "fail"])
def test_a_script_that_fails(command: Command, script: str, message: str) -> None:
    """An unknown model, or an answer that fails, is reported in a sentence; the exit code is 1."""
    model = "gpt-none" if message == "Tell me." else "demo"
    ended = run(ROOT, script, message, "--url", command.url, "--model", model)
    assert 1 == ended.returncode
    assert ended.stderr.strip()
    assert "Traceback" not in ended.stderr
    assert (
        model == "demo" or "There is no model 'gpt-none'. Available models: demo." in ended.stderr
    )


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_a_script_without_a_server(script: str, url: str) -> None:
    """Where no server answers, that is reported, with how to start one; the exit code is 1."""
    ended = run(ROOT, script, "--url", url)
    assert 1 == ended.returncode
    assert f"No server answers at {url}. Start one with: make run" == ended.stderr.strip()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_with_a_wrong_address(command: Command, provider: Provider, script: str) -> None:
    """An address that is none, or of another server, is reported without a traceback, too."""
    for url in ("localhost:8000", "http://[", command.url + "/nowhere", provider.origin):
        ended = run(ROOT, script, "--url", url)
        assert 1 == ended.returncode
        assert ended.stderr.strip()
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_whose_server_stops(tmp_path: Path, script: str) -> None:
    """A server that stops in mid-answer makes a script say so and end with 1."""
    with Command(tmp_path) as command:
        delay = ["--delay", "0"] if "delay" in script else []
        watching = subprocess.Popen(
            [sys.executable, script, "slow", "--url", command.url, *delay],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert watching.stdout is not None
        assert watching.stdout.read(1)
        command.stop()
        _, output = watching.communicate(timeout=20)
    assert 1 == watching.returncode
    assert "The server stopped before the answer was complete." in output
    assert "Traceback" not in output
