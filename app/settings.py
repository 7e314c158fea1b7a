"""The settings, with their defaults; `environment` reads them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from .data_folder import default_data_dir
from .setting_values import (
    Address,
    AnySeconds,
    Names,
    Seconds,
    Size,
    Text,
    WholeSeconds,
    no_blank,
)


class Settings(BaseSettings):
    """All settings with their defaults; times are in seconds or as `90s`, sizes in bytes or as
    `8MB`."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore")

    openai_api_key: Annotated[SecretStr | None, BeforeValidator(no_blank)] = Field(
        None, description="The key for OpenAI, or for the server at OPENAI_BASE_URL."
    )
    openai_base_url: Address = Field(
        None, description="The base URL of any server that speaks OpenAI's protocol."
    )
    ollama_host: Text = Field(
        None, description="The address of Ollama; 127.0.0.1:11434 by default."
    )
    model: Text = Field(None, description="The default model, '<provider>:<model>' or 'demo'.")
    models: Names = Field(
        [], description="Further models that a request can name, separated by commas."
    )
    fallback_model: Text = Field(
        None, description="The model that answers if another one fails before its first token."
    )
    embeddings: Text = Field(
        None, description="The model that makes vectors, 'openai:<model>' or 'ollama:<model>'."
    )
    upstream_retries: int = Field(
        2, ge=0, le=10, description="Retries of a request that fails before its first token."
    )
    circuit_failures: int = Field(
        5, ge=0, description="Failures in a row after which a model is paused; 0: never."
    )
    circuit_seconds: Seconds = Field(30, description="Seconds for which a failing model is paused.")
    max_rounds: PositiveInt = Field(
        50,
        description="Requests that one run may send to its model, with the results of its tools.",
    )
    agents: Text = Field(None, description="Agents, teams, workflows: 'module:attribute, ...'.")
    instructions: Text = Field(None, description="The instructions of the built-in agent.")

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="The folder for databases, the journal and secrets; by default the user's own.",
    )
    media_dir: Annotated[Path | None, BeforeValidator(no_blank)] = Field(
        None,
        description="The folder for media of runs and for uploads; by default media in DATA_DIR.",
    )
    database_url: Text = Field(
        None,
        description="The store of conversations: sqlite:///... (in DATA_DIR by default) or "
        "postgresql://...",
    )
    journal_url: Text = Field(
        None,
        description="The store of runs: sqlite:///... (in DATA_DIR by default), redis://... for "
        "many hosts, or memory://.",
    )
    hub_run_bytes: Size = Field(
        4 << 20, description="Memory for the events of one active run, in bytes."
    )
    hub_bytes: Size = Field(
        256 << 20, description="Memory for the events of all active runs, in bytes."
    )
    retention: Seconds = Field(3600, description="Seconds for which an ended run can be read.")
    pause_retention: Seconds = Field(
        30 * 86400, description="Seconds for which a paused run waits for a person."
    )
    approvers: Names = Field(
        [],
        description="The principals that may decide on the paused runs of all others, separated by "
        "commas.",
    )
    pause_webhook: Text = Field(
        None, description="The address that is sent a notice of each run that pauses."
    )
    pause_webhook_secret: Annotated[SecretStr | None, BeforeValidator(no_blank)] = Field(
        None, description="Signs those notices; needed with PAUSE_WEBHOOK."
    )

    api_keys: Annotated[SecretStr | None, BeforeValidator(no_blank)] = Field(
        None, description="The keys of the principals: 'name:key, ...'."
    )
    api_keys_file: Annotated[Path | None, BeforeValidator(no_blank)] = Field(
        None, description="A file of keys, one 'name:key' a line."
    )
    allow_anonymous: bool = Field(
        False, description="Accept requests without a key, on any address."
    )
    secret_key: Annotated[SecretStr | None, BeforeValidator(no_blank)] = Field(
        None,
        description="Signs stream addresses; must be the same on all hosts. By default one is "
        "generated and kept in DATA_DIR.",
    )
    ticket_lifetime: WholeSeconds = Field(
        300, description="Seconds for which a signed stream address can open a stream."
    )
    cors_origins: Names = Field(
        [], description="The origins whose pages may call the server; '*' for all."
    )
    allowed_hosts: Names = Field(
        [],
        description="The host names that a request may have, as '*.example.org'; empty: all.",
    )
    forwarded_allow_ips: Names = Field(
        ["127.0.0.1", "::1"],
        description="The proxies whose X-Forwarded-* and PRINCIPAL_HEADER are believed: addresses "
        "and networks.",
    )
    principal_header: Text = Field(
        None,
        description="The header in which a trusted proxy names the user, as X-Forwarded-User.",
    )
    public_url: Text = Field(
        None,
        description="The address at which people reach the server, with the path of a proxy "
        "and of a mount, as https://example.org/assistant.",
    )
    embed_origins: Names = Field(
        [],
        description="Sites whose pages may show the chat in a frame, as https://*.example.org; its "
        "own site always may.",
    )

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="The port to listen on; 0 picks a free one."
    )

    log_format: Literal["text", "json"] = Field(
        "text", description="The format of log lines: 'text' for people, 'json' for programs."
    )
    log_messages: bool = Field(False, description="Log questions and answers, too.")
    otel_exporter_otlp_endpoint: Address = Field(
        None, description="The collector of traces, OTLP over HTTP; without it there are none."
    )

    workers: PositiveInt = Field(
        1, description="The number of processes, which share the port and the journal."
    )

    first_token_timeout: Seconds = Field(
        120, description="Longest wait for the first token, in seconds; a request may set less."
    )
    idle_timeout: Seconds = Field(
        120, description="Longest silence between tokens, in seconds; a request may set less."
    )
    total_timeout: Seconds = Field(
        1800, description="Longest duration of a run, in seconds; a request may set less."
    )
    disconnect_grace: AnySeconds = Field(
        30, ge=0, description="Seconds for which a run continues after its last reader left."
    )
    shutdown_grace: AnySeconds = Field(
        8, ge=0, description="Seconds for which runs continue after SIGTERM; Docker allows 10."
    )
    heartbeat: Seconds = Field(
        10, description="Seconds of silence after which a stream is sent a heartbeat."
    )
    on_crash: Literal["interrupt", "continue"] = Field(
        "interrupt",
        description="What happens to the runs of a process that dies: they end as interrupted, or "
        "another process continues them where it can.",
    )
    recovery_attempts: PositiveInt = Field(
        25, description="How often a run is continued at most by ON_CRASH=continue."
    )
    max_connections: PositiveInt = Field(4000, description="Largest number of connections.")
    max_head_bytes: Size = Field(
        32 << 10, ge=1024, description="Largest head of a request (its line and fields), in bytes."
    )
    head_timeout: Seconds = Field(
        10, description="Longest time to receive the head of a request, in seconds."
    )
    max_body_bytes: Size = Field(8 << 20, description="Largest request body, in bytes.")
    max_bodies_bytes: Size = Field(
        256 << 20, description="Bytes of all request bodies that are received at the same time."
    )
    body_timeout: Seconds = Field(
        30, description="Longest time to receive a request body, in seconds."
    )
    max_media_bytes: Size = Field(
        32 << 20, description="Largest file of an upload or of an answer, in bytes."
    )
    max_stored_media_bytes: Size = Field(
        10 << 30, description="Bytes of all kept media; half of them of a principal with a key."
    )
    write_timeout: Seconds = Field(
        30,
        description="Longest time for one write to a reader, in seconds; then its connection is "
        "closed.",
    )

    max_concurrent_runs: PositiveInt = Field(
        1000, description="Largest number of concurrent runs of a host."
    )
    max_concurrent_runs_per_principal: Annotated[PositiveInt | None, BeforeValidator(no_blank)] = (
        Field(
            None,
            description="Largest number of concurrent runs of a principal in a process. Default: "
            "half of MAX_CONCURRENT_RUNS if there are API keys, so that no key's questions shut "
            "the others out; else no limit.",
        )
    )
    max_runs_per_conversation: PositiveInt = Field(
        8, description="Largest number of runs of a conversation, waiting ones included."
    )
    run_queue: int = Field(
        100, ge=0, description="Largest number of requests that wait for a concurrent run to end."
    )
    run_queue_timeout: Seconds = Field(
        5, description="Longest time that a request waits in that queue, in seconds."
    )
    rate_limit: Text = Field(
        None,
        description="Limits for each principal: '60 requests/minute, 100000 tokens/minute'.",
    )

    @property
    def runs_per_principal(self) -> int | None:
        """The largest number of concurrent runs of a principal, None if there is no limit."""
        if self.max_concurrent_runs_per_principal or not self.several_principals:
            return self.max_concurrent_runs_per_principal
        return max(1, self.max_concurrent_runs // 2)

    @property
    def several_principals(self) -> bool:
        """True if there are, or may be, principals beside `anonymous`."""
        return bool(self.api_keys or self.api_keys_file or self.principal_header)
