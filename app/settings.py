"""The settings: from flags, the environment and `.env`, read once, wrong ones told by name."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .core.errors import ConfigurationError


def _split(value: Any) -> Any:
    """`a, b` from the environment is the list of a and b."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _no_blank(value: Any) -> Any:
    """`OPENAI_API_KEY=` in a `.env` means that there is none."""
    return None if isinstance(value, str) and not value.strip() else value


Names = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Text = Annotated[str | None, BeforeValidator(_no_blank)]


class Settings(BaseSettings):
    """Every setting, with its default; times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore")

    openai_api_key: Annotated[SecretStr | None, BeforeValidator(_no_blank)] = Field(
        None, description="Key for OpenAI, or for the server at OPENAI_BASE_URL."
    )
    openai_base_url: Text = Field(None, description="Any server that speaks OpenAI's protocol.")
    ollama_host: Text = Field(None, description="Where Ollama is; 127.0.0.1:11434 by default.")
    model: Text = Field(None, description="The default model, '<provider>:<model>' or 'demo'.")
    models: Names = Field([], description="Further models that a request may name.")
    fallback_model: Text = Field(
        None, description="Answers in the stead of one that fails before its first token."
    )
    upstream_retries: int = Field(
        2, ge=0, le=10, description="Further requests to a provider that fails before a token."
    )
    circuit_failures: int = Field(
        5, ge=0, description="Failures of a model in a row that close it for a while; 0: never."
    )
    circuit_seconds: PositiveFloat = Field(30, description="For how long.")
    max_rounds: PositiveInt = Field(
        50,
        description="Requests that one run may send to its model, with the results of its tools.",
    )
    agents: Text = Field(None, description="Your own agents, 'module:attribute'.")
    instructions: Text = Field(None, description="What the built-in agent is told to be.")

    data_dir: Path = Field(Path("data"), description="The folder for all that is kept.")
    media_dir: Annotated[Path | None, BeforeValidator(_no_blank)] = Field(
        None, description="The folder for pictures, sounds and files; DATA_DIR/media by default."
    )
    database_url: Text = Field(
        None, description="Conversations; sqlite:///... by default, or postgresql://..."
    )
    journal_url: Text = Field(
        None, description="Runs; sqlite:///... by default, redis://... for many hosts, memory://."
    )
    hub_run_bytes: PositiveInt = Field(4 << 20, description="Memory for one run's live events.")
    hub_bytes: PositiveInt = Field(256 << 20, description="Memory for all live events.")
    retention: PositiveFloat = Field(3600, description="Seconds that an ended run is kept.")

    api_keys: Annotated[SecretStr | None, BeforeValidator(_no_blank)] = Field(
        None, description="Who may ask: 'name:key, ...'."
    )
    api_keys_file: Annotated[Path | None, BeforeValidator(_no_blank)] = Field(
        None, description="The same from a file, one a line."
    )
    allow_anonymous: bool = Field(False, description="Serve without keys, on any address.")
    secret_key: Annotated[SecretStr | None, BeforeValidator(_no_blank)] = Field(
        None, description="Signs stream addresses; the same on all hosts. Else one is made."
    )
    ticket_lifetime: PositiveInt = Field(
        300, description="Seconds for which a signed stream address opens a stream."
    )
    cors_origins: Names = Field([], description="Origins whose pages may call; '*' for all.")
    allowed_hosts: Names = Field([], description="Names that 'Host' may have; '*.example.org'.")

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="The port to listen on; 0 picks a free one."
    )

    log_format: Literal["text", "json"] = Field("text", description="For people, or programs.")
    log_messages: bool = Field(False, description="Log questions and answers, too.")
    otel_exporter_otlp_endpoint: Text = Field(
        None, description="The collector that traces are sent to, by OTLP over HTTP; none: off."
    )

    workers: PositiveInt = Field(1, description="Processes that serve; they share the journal.")

    first_token_timeout: PositiveFloat = Field(
        120, description="Longest silence before the first token; requests may ask for less."
    )
    idle_timeout: PositiveFloat = Field(
        120, description="Longest silence in mid-answer; requests may ask for less."
    )
    total_timeout: PositiveFloat = Field(
        1800, description="Longest answer; requests may ask for less."
    )
    disconnect_grace: float = Field(
        30, ge=0, description="Seconds that a run goes on after its last reader left."
    )
    shutdown_grace: float = Field(
        8, ge=0, description="Seconds that runs may go on after SIGTERM; Docker waits for 10."
    )
    heartbeat: PositiveFloat = Field(10, description="Seconds between signs of life in silence.")
    max_body_bytes: PositiveInt = Field(8 << 20, description="Largest request body.")
    max_media_bytes: PositiveInt = Field(
        32 << 20, description="Largest file of a request that uploads some, or of an answer."
    )
    body_timeout: PositiveFloat = Field(30, description="Longest time for a request body to come.")
    write_timeout: PositiveFloat = Field(
        30, description="Longest time for a write to a reader; then it is cut off."
    )

    max_concurrent_runs: PositiveInt = Field(1000, description="Runs at once, in a process.")
    max_concurrent_runs_per_principal: Annotated[PositiveInt | None, BeforeValidator(_no_blank)] = (
        Field(None, description="Runs at once of one principal, in a process.")
    )
    run_queue: int = Field(100, ge=0, description="Requests that may wait for their run to start.")
    run_queue_timeout: PositiveFloat = Field(5, description="Longest such wait.")
    rate_limit: Text = Field(
        None, description="For each principal: '60 requests/minute, 100000 tokens/minute'."
    )


def load_settings(**flags: Any) -> Settings:
    """Settings with `flags` over the environment over `.env`; raises `ConfigurationError`."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"{str(problem['loc'][0]).upper()}: {problem['msg'].lower()}"
            for problem in error.errors(include_input=False)
        )
        raise ConfigurationError(wrong) from None
    except UnicodeDecodeError:
        raise ConfigurationError(".env: is not a text in UTF-8") from None
