"""The settings: where they come from, which one counts, and how a wrong one is reported."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import ConfigurationError
from app.core.providers.catalog import Providers, choose_default
from app.environment import load_settings, warn_of_unknown_names
from app.main import create_app
from app.settings import Settings
from tests.command import ROOT
from tests.provider import Provider

KEY = "sk-a-secret-of-the-tests-0123456789"

AGENTS = """
from agno.agent import Agent

one = Agent(id="poet", name="The Poet", description="Writes verse.")
several = [Agent(name="Plain Cook"), Agent(), Agent(name="Driver", model="openai:gpt-own")]
twice = [Agent(name="Cook"), Agent(name="cook!")]
mixed = [Agent(name="Cook"), "no agent"]
nobody: list[Agent] = []
nothing = None
number = 5
text = "one"

def made():
    return several[:2]

def made_one():
    return one

def wanting(argument):
    return one

def failing():
    raise RuntimeError("the stove is cold")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, an environment without settings, and a path left as it was."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("MODEL", "demo")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def module(folder: Path, request: pytest.FixtureRequest) -> str:
    """A user's file of agents. Its name is new each time, for Python keeps what it has imported."""
    name = f"agents_of_{abs(hash(request.node.nodeid))}"
    (folder / f"{name}.py").write_text(AGENTS)
    return name


def catalog(**flags: Any) -> list[str]:
    """The ids of the agents of a server with these settings."""
    return list(create_app(load_settings(**flags)).state.context.agents.entries)


def models(**flags: Any) -> list[str]:
    """The specs of the models of a server with these settings, the default first."""
    return [m.spec for m in create_app(load_settings(**flags)).state.context.models.entries]


def wrong(**flags: Any) -> str:
    """What is reported of settings that cannot work."""
    with pytest.raises(ConfigurationError) as raised:
        create_app(load_settings(**flags))
    return raised.value.message


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything has a default, and the defaults are those that the documentation names."""
    monkeypatch.delenv("MODEL")
    settings = load_settings()
    assert (None, None, [], None) == (
        settings.model,
        settings.openai_api_key,
        settings.models,
        settings.agents,
    )
    assert ("127.0.0.1", 8000) == (settings.host, settings.port)
    assert (120, 120, 1800) == (
        settings.first_token_timeout,
        settings.idle_timeout,
        settings.total_timeout,
    )
    assert 8 << 20 == settings.max_body_bytes


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is the environment variable of its name, in capitals."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("MODEL", "openai:gpt-a")
    monkeypatch.setenv("MODELS", " openai:gpt-b, ollama:c:7b ,,demo, openai:gpt-a")
    monkeypatch.setenv("DATA_DIR", "elsewhere")
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("IDLE_TIMEOUT", "1.5")
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert KEY == settings.openai_api_key.get_secret_value()
    assert (9000, 1.5, Path("elsewhere")) == (
        settings.port,
        settings.idle_timeout,
        settings.data_dir,
    )
    assert ["openai:gpt-a", "openai:gpt-b", "ollama:c:7b", "demo"] == models()


def test_settings_from_dot_env(folder: Path) -> None:
    """A `.env` in the working directory is read; what it says of others is passed over."""
    (folder / ".env").write_text(
        f"# mine\nOPENAI_API_KEY='{KEY}'\nPORT=9001\nUNKNOWN=1\nINSTRUCTIONS=Sei höflich.\n",
        encoding="utf-8",
    )
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert KEY == settings.openai_api_key.get_secret_value()
    assert (9001, "Sei höflich.") == (settings.port, settings.instructions)


def test_flags_override_the_environment_and_dot_env(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flags count more than the environment, and that more than `.env`; None is no flag."""
    (folder / ".env").write_text("PORT=9001\nHOST=from-file\nHEARTBEAT=3\n")
    monkeypatch.setenv("PORT", "9002")
    monkeypatch.setenv("HOST", "from-environment")
    settings = load_settings(port=9003, host=None)
    assert (9003, "from-environment", 3) == (settings.port, settings.host, settings.heartbeat)


@pytest.mark.parametrize("blank", ["", "  "])
def test_blank_is_absent(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    """`OPENAI_API_KEY=` in a template of a `.env` means that there is no key."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST", "MODELS", "AGENTS"):
        monkeypatch.setenv(name, blank)
    settings = load_settings()
    assert (None, None, None) == (
        settings.openai_api_key,
        settings.openai_base_url,
        settings.ollama_host,
    )
    assert (["demo"], ["general"]) == (models(), catalog())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", ""),
        ("IDLE_TIMEOUT", "0"),
        ("TOTAL_TIMEOUT", "-5"),
        ("FIRST_TOKEN_TIMEOUT", "soon"),
        ("HEARTBEAT", "nan"),
        ("DISCONNECT_GRACE", "-1"),
        ("MAX_BODY_BYTES", "8XB"),
        ("MAX_BODY_BYTES", "-8MB"),
        ("MAX_BODY_BYTES", "MB"),
        ("IDLE_TIMEOUT", "90x"),
        ("IDLE_TIMEOUT", "1h 30"),
        ("IDLE_TIMEOUT", "0s"),
        ("OPENAI_BASE_URL", "localhost:1234"),
        ("OPENAI_BASE_URL", "http://"),
        ("OPENAI_BASE_URL", "http://host:port/v1"),
        ("OPENAI_BASE_URL", "http://host/v1/chat/completions"),
        ("OPENAI_BASE_URL", "ftp://me:a-password@host/v1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("MAX_BODY_BYTES", "0"),
        ("DATABASE_URL", "mysql://me:a-password@host/name"),
        ("DATABASE_URL", "http://["),
        ("JOURNAL_URL", "nowhere://me:a-password@host"),
        ("JOURNAL_URL", "http://["),
        ("JOURNAL_URL", "redis://me:a-password#@host"),
        ("JOURNAL_URL", "memory://?run_bytes=many"),
        ("MODEL", "gpt-4o-mini"),
        ("MODEL", "openai:"),
        ("MODEL", "openai: "),
        ("MODEL", ":gpt-4o-mini"),
        ("MODEL", "nobody:gpt-4o-mini"),
        ("MODEL", "openai:gpt-4o-mini"),  # there is no key
        ("MODELS", "demo, gpt-4o-mini"),
        ("MODELS", "nobody:gpt-4o-mini"),
        ("AGENTS", "agents.py"),
        ("AGENTS", "agents:"),
        ("AGENTS", ":agents"),
        ("AGENTS", "no_such_module:agents"),
        ("AGENTS", "..agents:agents"),
    ],
)
def test_a_wrong_value_is_reported_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A value that cannot work is reported with the name of its setting, and without a password."""
    monkeypatch.setenv(name, value)
    message = wrong()
    assert message.startswith(f"{name}: ")
    assert "a-password" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("MAX_BODY_BYTES", "8388608", 8 << 20),
        ("MAX_BODY_BYTES", "8MB", 8_000_000),
        ("MAX_BODY_BYTES", "8 MiB", 8 << 20),
        ("MAX_BODY_BYTES", "8m", 8 << 20),
        ("MAX_HEAD_BYTES", "1.5kb", 1500),
        ("HUB_BYTES", "1GiB", 1 << 30),
        ("IDLE_TIMEOUT", "90", 90),
        ("IDLE_TIMEOUT", "90s", 90),
        ("IDLE_TIMEOUT", "250ms", 0.25),
        ("RETENTION", "1h30m", 5400),
        ("PAUSE_RETENTION", "30 d", 30 * 86400),
        ("TICKET_LIFETIME", "5min", 300),
        ("SHUTDOWN_GRACE", "0s", 0),
        ("OPENAI_BASE_URL", " http://localhost:1234/v1 ", "http://localhost:1234/v1"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"]),
    ],
)
def test_sizes_durations_and_addresses(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    """Sizes and durations take their units, as people write them."""
    monkeypatch.setenv(name, text)
    assert value == getattr(load_settings(), name.lower())


def test_an_address_without_a_scheme_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forgets the scheme is shown the address with it."""
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:1234")
    assert wrong().endswith("write http://localhost:1234")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("openai_apikey", "OPENAI_API_KEY"),
        ("MODLE", "MODEL"),
        ("IDLE_TIMOUT", "IDLE_TIMEOUT"),
        ("AGNO_STREAM_PORT", "PORT"),
        ("AGNO_MODEL", "MODEL"),
        ("PORT", None),
        ("GROQ_API_KEY", None),
        ("AGNO_STREAM_URL", None),
        ("DJANGO_SETTINGS_MODULE", None),
    ],
)
def test_a_name_that_is_nearly_a_setting(
    folder: Path, caplog: pytest.LogCaptureFixture, name: str, nearest: str | None
) -> None:
    """An unknown name in `.env` is logged with the setting that it is like; others are others'."""
    (folder / ".env").write_text(f"{name}=1\n")
    warn_of_unknown_names()
    expected = [f".env: {name} is no setting; did you mean {nearest}?"] if nearest else []
    assert expected == caplog.messages


def test_a_prefix_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A variable with our name in front is one that somebody took for a setting."""
    monkeypatch.setenv("AGNO_STREAM_MODEL", "demo")
    monkeypatch.setenv("MODLE", "demo")  # another program's, for all that is known
    warn_of_unknown_names()
    assert ["AGNO_STREAM_MODEL is no setting; did you mean MODEL?"] == caplog.messages


def test_the_folder_for_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DATA_DIR the folder is the user's own, wherever the server is started; in a clone it
    is `data` there."""
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "share"))
    places = set()
    for place in (folder, folder / "elsewhere"):
        place.mkdir(exist_ok=True)
        monkeypatch.chdir(place)
        places.add(load_settings().data_dir)
    assert {folder / "share" / "agno-stream"} == places
    monkeypatch.chdir(ROOT)
    assert Path("data") == load_settings(model="demo").data_dir


@pytest.mark.parametrize("setting", ["DATA_DIR", "MEDIA_DIR"])
@pytest.mark.parametrize(
    ("place", "words"),
    [("file", "is a file"), ("file/below", "cannot be made"), ("/proc/nothing", "cannot be made")],
)
def test_a_folder_that_cannot_be_used_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, setting: str, place: str, words: str
) -> None:
    """A folder that cannot be used is reported by its setting, its path, and the reason."""
    (folder / "file").touch()
    monkeypatch.setenv(setting, place)
    message = wrong()
    assert message.startswith(f"{setting}: {place}")
    assert words in message


def test_all_wrong_values_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wrong values are reported at once, and no value of another setting with them."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("HEARTBEAT", "y")
    message = wrong()
    assert ("PORT: " in message, "HEARTBEAT: " in message, KEY in message) == (True, True, False)


def test_a_key_in_the_wrong_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is not shown by the settings, nor by an error about another setting."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("DATA_DIR", "a-file/below")
    (folder / "a-file").touch()
    assert KEY not in repr(load_settings())
    message = wrong()
    assert message.startswith("DATA_DIR: ")
    assert KEY not in message


def test_a_dot_env_in_another_encoding(folder: Path) -> None:
    """A `.env` in another encoding is reported, not a crash."""
    (folder / ".env").write_bytes("INSTRUCTIONS=höflich".encode("latin-1"))
    assert wrong().startswith(".env: ")


@pytest.mark.parametrize(
    ("attribute", "ids"),
    [
        ("one", ["poet"]),
        ("several", ["plain-cook", "agent-2", "driver"]),
        ("made", ["plain-cook", "agent-2"]),
        ("made_one", ["poet"]),
    ],
)
def test_agents(module: str, attribute: str, ids: list[str]) -> None:
    """AGENTS names an agent, several, or a function that makes them; each gets an id."""
    assert ids == catalog(agents=f"{module}:{attribute}")


def test_agents_of_the_environment(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AGENTS in the environment does what the flag does, and the flag counts more."""
    monkeypatch.setenv("AGENTS", f"{module}:several")
    assert ["plain-cook", "agent-2", "driver"] == catalog()
    assert ["poet"] == catalog(agents=f"{module}:one")


@pytest.mark.parametrize(
    ("attribute", "named"),
    [
        ("missing", "missing"),
        ("twice", "'cook'"),
        ("mixed", "builtins.str"),
        ("nobody", "no agent"),
        ("nothing", "builtins.NoneType"),
        ("number", "builtins.int"),
        ("text", "builtins.str"),
        ("wanting", "argument"),
        ("failing", "the stove is cold"),
    ],
)
def test_agents_that_are_not_agents(module: str, attribute: str, named: str) -> None:
    """What is no agent at that place is reported, and never replaced by the built-in one."""
    message = wrong(agents=f"{module}:{attribute}")
    assert message.startswith("AGENTS: ")
    assert named in message


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("def (", "SyntaxError"),
        ("import a_package_that_is_not_there", "a_package_that_is_not_there"),
        ("raise KeyError('at import')", "at import"),
    ],
)
def test_a_file_of_agents_that_fails(folder: Path, source: str, named: str) -> None:
    """A user's file that cannot be imported is reported with its own error."""
    name = f"failing_{abs(hash(source))}"
    (folder / f"{name}.py").write_text(source)
    message = wrong(agents=f"{name}:agents")
    assert message.startswith("AGENTS: ")
    assert named in message


@pytest.mark.parametrize(
    "spec", ["demo", "openai:gpt-4o-mini", "openai:ft:gpt-4o:me::x", "OpenAI:x", "ollama:c:7b"]
)
def test_a_model(spec: str) -> None:
    """MODEL is a provider and a model, whose own name may have colons, or the demonstration."""
    assert [spec] == models(model=spec, openai_api_key=KEY)


def test_a_server_of_ones_own_needs_no_key() -> None:
    """With OPENAI_BASE_URL a model of OpenAI's protocol needs no key."""
    assert ["openai:x"] == models(model="openai:x", openai_base_url="http://127.0.0.1:9/v1")


def test_the_default_model_with_a_key(monkeypatch: pytest.MonkeyPatch, provider: Provider) -> None:
    """Without MODEL, a key means OpenAI, even if an Ollama answers."""
    monkeypatch.delenv("MODEL")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OLLAMA_HOST", provider.origin)
    assert ["openai:gpt-4o-mini"] == models()
    assert 0 == provider.opened


@pytest.mark.parametrize("form", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://127.0.0.1:{}/"])
def test_the_default_model_with_ollama(
    monkeypatch: pytest.MonkeyPatch, provider: Provider, form: str
) -> None:
    """Without MODEL and key, an Ollama that answers is requested its first model."""
    monkeypatch.delenv("MODEL")
    monkeypatch.setenv("OLLAMA_HOST", form.format(provider.port))
    provider.models = ["llama3.2:latest", "other:1b"]
    assert ["ollama:llama3.2:latest"] == models()


def test_the_default_model_of_an_empty_ollama(provider: Provider) -> None:
    """An Ollama that has no model yet leaves the demonstration."""
    provider.models = []
    assert "demo" == choose_default(Providers(ollama_host=provider.origin))


@pytest.mark.parametrize("host", ["127.0.0.1:1", "127.0.0.1:x", "two words", "http://[", "::1"])
def test_the_default_model_with_nothing(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Without key and Ollama, wherever that was looked for, there is the demonstration."""
    monkeypatch.delenv("MODEL")
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert ["demo"] == models()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
def test_something_else_at_the_place_of_ollama(answer: bytes) -> None:
    """Who answers there like no Ollama does is passed over."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        talking = threading.Thread(target=talk)
        talking.start()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        assert "demo" == choose_default(Providers(ollama_host=host))
        talking.join()
