"""The undocumented parts of libraries that the server relies on still exist.

An upgrade that removes one fails here, by its name, instead of somewhere in the middle of a run.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import ollama
import pytest
from agno.agent import _run as agent_run
from agno.agent._utils import deep_copy_field
from agno.client.a2a import A2AClient
from agno.db.postgres import AsyncPostgresDb
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.models.base import Model
from agno.models.openai import OpenAIChat
from agno.team import _run as team_run
from agno.workflow import Workflow
from anthropic import AsyncAnthropic
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from google import genai
from google.genai.types import HttpOptions
from groq import AsyncGroq
from mistralai.client import Mistral
from openai import AsyncOpenAI
from prometheus_client import Histogram
from uvicorn.protocols.http.h11_impl import RequestResponseCycle as H11Cycle
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle as HttptoolsCycle
from uvicorn.server import Server
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from app.core.providers.http.aio import _Sessions, aiohttp_client


def sets(function: Callable[..., Any], *names: str) -> bool:
    """Whether a constructor assigns attributes of these names."""
    return set(names) <= set(inspect.unwrap(function).__code__.co_names)


def histogram_parts() -> bool:
    histogram = Histogram("delays", "Delays.", buckets=(1.0, 2.0), registry=None)
    counters = [histogram._sum, *histogram._buckets]
    return len(counters) == 4 and all(callable(counter.inc) for counter in counters)


HTTP_CLIENTS = (httpx.AsyncClient, httpx2.AsyncClient)


def sdk_clients() -> list[Any]:
    return [
        AsyncOpenAI(api_key="k"),
        AsyncAnthropic(api_key="k"),
        AsyncGroq(api_key="k"),
        ollama.AsyncClient(),
    ]


def google_client() -> Any:
    options = HttpOptions(httpx_async_client=httpx.AsyncClient())
    return genai.Client(api_key="k", http_options=options)


def model_field(name: str) -> bool:
    return name in {field.name for field in dataclasses.fields(Model)}


#: Each row: where we rely on it, and whether it still is as we need it.
PRIVATES: list[tuple[str, Callable[[], bool]]] = [
    (
        "uvicorn (httptools): send.__self__.transport, for api/connection.py",
        lambda: (
            sets(HttptoolsCycle.__init__, "transport") and inspect.isfunction(HttptoolsCycle.send)
        ),
    ),
    (
        "uvicorn (h11): send.__self__.transport, for api/connection.py",
        lambda: sets(H11Cycle.__init__, "transport") and hasattr(H11Cycle, "send"),
    ),
    (
        "uvicorn (httptools): the callbacks and parts of a connection, for web/protocol.py",
        lambda: (
            all(
                hasattr(HttpToolsProtocol, name)
                for name in ("_start_asgi_task", "_unset_keepalive_if_required")
            )
            and sets(HttpToolsProtocol.__init__, "pipeline", "cycle", "flow", "tasks")
            and sets(HttptoolsCycle.__init__, "chunked_encoding", "expected_content_length")
            and sets(HttptoolsCycle.__init__, "keep_alive", "response_complete")
            and sets(HttptoolsCycle.__init__, "message_event", "disconnected", "more_body")
            and not hasattr(HttptoolsCycle, "__slots__")  # for web/cycle.py
        ),
    ),
    (
        "uvicorn: the signal handler is a method of the server, for web/leaving.py",
        lambda: (
            inspect.isfunction(Server.handle_exit)
            and "self.handle_exit)" in inspect.getsource(Server.capture_signals)
            and sets(Server.startup, "servers")
            and sets(Server._serve, "lifespan")
            and hasattr(HttpToolsProtocol, "shutdown")
        ),
    ),
    (
        "uvicorn: Multiprocess.sockets and .terminate_all, for __main__.py",
        lambda: sets(Multiprocess.__init__, "sockets") and hasattr(Multiprocess, "terminate_all"),
    ),
    (
        "uvicorn: Multiprocess.processes and .signal_queue, for __main__.py",
        lambda: sets(Multiprocess.__init__, "processes", "signal_queue"),
    ),
    (
        "uvicorn: Multiprocess.run, .handle_int and .join_all, for __main__.py",
        lambda: all(hasattr(Multiprocess, name) for name in ("run", "handle_int", "join_all")),
    ),
    (
        "uvicorn: Process.process, .pid and .exitcode, for __main__.py",
        lambda: sets(Process.__init__, "process") and {"pid", "exitcode"} <= set(dir(Process)),
    ),
    (
        "OpenAI's SDK: the transports of its aiohttp client, for core/providers/http/aio.py",
        lambda: isinstance(vars(aiohttp_client()._transport)["client"], _Sessions),
    ),
    ("prometheus_client: Histogram._sum and ._buckets, for core/telemetry", histogram_parts),
    (
        "Agno: _persist, which stores a cancelled run, for core/agents/children.py",
        lambda: all(
            "create_task(_persist())" in inspect.getsource(function)
            for function in (
                agent_run._persist_cancelled_run_in_background,
                team_run._persist_cancelled_team_run_in_background,
                Workflow._persist_cancelled_run_in_background,
            )
        ),
    ),
    (
        "Agno: Model._tool_choice, for core/providers",
        lambda: model_field("_tool_choice"),
    ),
    (
        "Agno: agent._utils.deep_copy_field, for core/agents/components/copies.py",
        lambda: (
            [*inspect.signature(deep_copy_field).parameters][1:] == ["field_name", "field_value"]
        ),
    ),
    (
        "Agno: A2AClient._parse_stream_event(data), for core/agents/components/a2a.py",
        lambda: [*inspect.signature(A2AClient._parse_stream_event).parameters] == ["self", "data"],
    ),
    (
        "openai, anthropic, groq, ollama: ._client, the HTTP client, for core/providers",
        lambda: all(isinstance(sdk._client, HTTP_CLIENTS) for sdk in sdk_clients()),
    ),
    (
        "mistralai: .sdk_configuration.async_client, for core/providers/http/clients.py",
        lambda: isinstance(Mistral(api_key="k").sdk_configuration.async_client, HTTP_CLIENTS),
    ),
    (
        "google-genai: ._api_client._async_httpx_client, for core/providers/http/clients.py",
        lambda: isinstance(google_client()._api_client._async_httpx_client, HTTP_CLIENTS),
    ),
    (
        "Agno: OpenAIChat.get_async_client and .ainvoke_stream, for core/providers",
        lambda: hasattr(OpenAIChat, "get_async_client") and hasattr(OpenAIChat, "ainvoke_stream"),
    ),
    (
        "Agno: AsyncPostgresDb._create_all_tables, for core/agents",
        lambda: inspect.iscoroutinefunction(AsyncPostgresDb._create_all_tables),
    ),
    (
        "Agno: AsyncPostgresDb makes each table by _create_table, for core/agents/storage",
        lambda: (
            {"table_name", "table_type"}
            <= {*inspect.signature(AsyncPostgresDb._create_table).parameters}
            and inspect.iscoroutinefunction(AsyncPostgresDb._resolve_table)
            and callable(AsyncPostgresDb._store_resolved_table)
        ),
    ),
    (
        "Agno: SqliteDb._get_table and _create_all_tables, for core/agents/storage",
        lambda: callable(SqliteDb._get_table) and callable(SqliteDb._create_all_tables),
    ),
    (
        "Agno: AsyncSqliteDb.db_engine, for core/agents",
        lambda: sets(AsyncSqliteDb.__init__, "db_engine"),
    ),
    (
        "Agno: AsyncPostgresDb.db_engine, for core/agents",
        lambda: sets(AsyncPostgresDb.__init__, "db_engine"),
    ),
    (
        "Starlette: build_middleware_stack, called once and lazily, for main.py",
        lambda: callable(FastAPI().build_middleware_stack) and FastAPI().middleware_stack is None,
    ),
    (
        "FastAPI: the regular expressions of iter_route_contexts, for api/errors.py",
        lambda: all(hasattr(r, "path_regex") for r in iter_route_contexts(FastAPI().routes)),
    ),
]


@pytest.mark.parametrize("exists", [row[1] for row in PRIVATES], ids=[row[0] for row in PRIVATES])
def test_a_private_of_a_library_still_exists(exists: Callable[[], bool]) -> None:
    """Each undocumented attribute that the server uses is where this version of it expects it."""
    assert exists()
