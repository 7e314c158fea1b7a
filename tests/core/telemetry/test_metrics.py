"""`/metrics`: runs, followers, providers and the journal."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from app.core.telemetry import Telemetry
from tests.command import ROOT, Command
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import SERVER_ERROR, Reply, numbered
from tests.streaming.reader import CHAT, answer, ask, resume, take

WHO = {"agent": "general", "model": "test-model"}


class Page:
    """Parsed `/metrics`: `page("runs_total", ending="stop")` sums the samples that match."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples = [sample for family in families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == f"agno_stream_{name}" and labels.items() <= sample.labels.items()
        )

    def labels(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


async def read(http: httpx.AsyncClient) -> Page:
    reply = await http.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    return Page(reply.text)


async def until(http: httpx.AsyncClient, name: str, value: float) -> Page:
    """The page, as soon as the metric has this value."""
    async with asyncio.timeout(30):
        while (page := await read(http))(name) != value:  # noqa: ASYNC110  # polls
            await asyncio.sleep(0.02)
    return page


async def test_completed_run_is_counted(http: httpx.AsyncClient, provider: Provider) -> None:
    """A run is counted by agent, model and ending, with its times and the provider's tokens."""
    provider.default = Reply(numbered(20), rate=50)
    await answer(http)
    page = await until(http, "runs_total", 1)
    assert 1 == page("runs_total", ending="stop", code="", **WHO)
    assert 1 == page("time_to_first_token_seconds_count", **WHO)
    assert 1 == page("run_duration_seconds_count", **WHO)
    assert 0.3 < page("run_duration_seconds_sum", **WHO) < 30
    assert 19 == page("inter_token_delay_seconds_count", **WHO)
    assert 0.3 < page("inter_token_delay_seconds_sum", **WHO) < 30
    assert 20 == page("tokens_total", direction="output", counted="provider", **WHO)
    assert page("tokens_total", direction="input", counted="provider", **WHO) > 0
    assert 0 == page("tokens_total", counted="estimate")
    assert (1, 0) == (page("upstream_requests_total"), page("upstream_errors_total"))


async def test_cancelled_run_tokens_are_estimated(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """The tokens of a cancelled run are estimated: a piece of text each, and the question by its
    length."""
    provider.script(Reply(numbered(30), stall_after=12))
    async with ask(http, "why? " * 40) as source:
        run_id = source.response.headers["x-run-id"]
        await take(source, 13)
    await http.post(f"/api/v1/runs/{run_id}/cancel")
    page = await until(http, "runs_total", 1)
    assert 1 == page("runs_total", ending="cancelled", code="cancelled", **WHO)
    assert 12 == page("tokens_total", direction="output", counted="estimate", **WHO)
    assert 50 <= page("tokens_total", direction="input", counted="estimate", **WHO) < 200
    assert 0 == page("tokens_total", counted="provider")


async def test_provider_failures_retries_and_circuit_are_counted(
    serve: Serve, provider: Provider
) -> None:
    """Failed upstream requests, retries and an open circuit are counted by model."""
    provider.default = SERVER_ERROR
    server = serve(upstream_retries=1, circuit_failures=2, circuit_seconds=60)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for _ in range(3):
            await answer_or_refusal(http)
        page = await until(http, "runs_total", 2)
    assert 2 == page("runs_total", ending="error", code="model_unavailable", **WHO)
    assert 4 == page("upstream_errors_total", model="test-model", code="model_unavailable")
    assert 2 == page("upstream_retries_total", model="test-model")
    assert 1 == page("circuit_open", model="test-model")
    assert 0 == page("tokens_total", counted="estimate")


async def answer_or_refusal(http: httpx.AsyncClient) -> None:
    await http.post(CHAT, json={"message": "x"})


async def test_followers_streams_and_resumes_are_measured(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Gauges follow open streams, followers and runs; counters of resumes and bytes stay."""
    provider.default = Reply("one two three four", stall_after=2)
    async with ask(http) as source:
        run_id = source.response.headers["x-run-id"]
        await provider.until(lambda: provider.opened and provider.requests[0].tokens_sent == 2)
        during = await until(http, "streams_open", 1)
        resuming = asyncio.create_task(resume(http, f"{run_id}:1"))
        both = await until(http, "streams_open", 2)
        await http.post(f"/api/v1/runs/{run_id}/cancel")
        await resuming
    after = await until(http, "streams_open", 0)
    assert (1, 1, 0) == (during("followers"), during("runs_live"), during("resumes_total"))
    assert (2, 1, 1) == (both("followers"), both("runs_live"), both("resumes_total"))
    assert (0, 0) == (after("followers"), after("runs_live"))
    assert after("sent_bytes_total") > 300


async def test_unknown_names_make_no_new_series(serve: Serve, provider: Provider) -> None:
    """Unknown agents and models in requests create no series; `model` may name an agent."""
    server = serve(models=["openai:second"], agents=[Agent(id="cook"), Agent(id="poet")])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for name in ("cook", "poet", "nobody", "x" * 100):
            await http.post(CHAT, json={"message": "x", "agent": name})
            await http.post(CHAT, json={"message": "x", "model": name})
        await answer(http, agent="poet", model="second")
        page = await until(http, "runs_total", 5)
    assert {"cook", "poet"} == page.labels("agent")
    assert {"test-model", "second"} == page.labels("model")


async def test_journal_failures_and_lag_are_measured(
    http: httpx.AsyncClient, provider: Provider, tmp_path: Path
) -> None:
    """Unwritten entries, their age and failed writes are measured while the journal is locked."""
    provider.default = Reply(numbered(400), rate=20)
    run_id = (await http.post(CHAT, json={"message": "x", "background": True})).json()["run_id"]
    with closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody else can write
        failing = await until(http, "journal_failing", 1)
    await until(http, "journal_failing", 0)
    await http.post(f"/api/v1/runs/{run_id}/cancel")
    well = await until(http, "journal_unwritten_entries", 0)
    assert failing("journal_unwritten_entries") > 0
    assert 0 < failing("journal_lag_seconds") < 60
    assert 0 < failing("journal_failures_total") <= well("journal_failures_total")
    assert 0 == well("journal_lag_seconds")


@pytest.fixture
def workers(tmp_path: Path, provider: Provider) -> Iterator[Command]:
    """Two workers in front of the provider."""
    arguments = ("-m", "app", "serve", "--port", "0", "--workers", "2")
    leftover = tmp_path / "data" / "metrics" / "999999"
    leftover.mkdir(parents=True)
    (leftover / "counter_999999.db").write_bytes(b"of a server that is gone")
    settings = {"MODEL": "openai:test-model", "OPENAI_BASE_URL": provider.url}
    with Command(tmp_path, arguments, **settings) as running:
        deadline = time.monotonic() + 60
        while running.output.count("Application startup complete.") < 2:
            assert time.monotonic() < deadline, running.output
            time.sleep(0.05)
        yield running


def alone(url: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """A request on a connection of its own, so that any worker may take it."""
    return httpx.request("GET" if body is None else "POST", url + path, json=body, timeout=30)


def test_any_worker_serves_metrics_of_all(
    workers: Command, tmp_path: Path, provider: Provider
) -> None:
    """Any worker serves the metrics of all; a killed worker's counters stay and its gauges do not,
    and the folder of a dead server is removed."""
    for _ in range(12):
        assert 200 == alone(workers.url, CHAT, {"message": "x"}).status_code
    pages = [Page(alone(workers.url, "/metrics").text) for _ in range(8)]
    assert {12.0} == {page("runs_total") for page in pages}
    assert {12.0} == {page("time_to_first_token_seconds_count") for page in pages}

    provider.script(Reply("one two three four", stall_after=2))
    with httpx.stream("POST", workers.url + CHAT, json={"message": "x"}, timeout=30) as reply:
        next(line for line in reply.iter_lines() if "two" in line)
        wait_for(workers, "runs_live", 1)
        os.kill(driving(tmp_path / "data"), signal.SIGKILL)
        wait_for(workers, "runs_live", 0)
    assert 12 == Page(alone(workers.url, "/metrics").text)("runs_total")
    assert 0 == workers.stop()
    assert [] == [path for path in (tmp_path / "data" / "metrics").iterdir() if path.is_dir()]


def driving(folder: Path) -> int:
    """The process id of the worker with the live run, from its metrics file."""
    for file in folder.glob("metrics/*/gauge_livesum_*.db"):
        for family in MultiProcessCollector.merge([str(file)]):  # type: ignore[no-untyped-call]  # theirs
            for sample in family.samples:
                if sample.name == "agno_stream_runs_live" and sample.value:
                    return int(re.findall(r"\d+", file.stem)[-1])
    raise LookupError("no worker has an open run")


def wait_for(workers: Command, name: str, value: float) -> None:
    deadline = time.monotonic() + 20
    while Page(alone(workers.url, "/metrics").text)(name) != value:
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_dashboard_shows_every_metric(http: httpx.AsyncClient) -> None:
    """The dashboard's queries use only existing metrics, and show all of them."""
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    queries = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])
    ]
    reply = await http.get("/metrics")
    known = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", reply.text, re.MULTILINE):
        ends = ("_bucket", "_count", "_sum") if kind == "histogram" else ("",)
        known |= {name + end for end in ends}
    used = set(re.findall(r"\bagno_stream_\w+", " ".join(queries)))
    assert len(queries) >= 12
    assert set() == used - known
    assert all("agno_stream_" in query for query in queries)
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in used}
    there = {re.sub("_(bucket|count|sum)$", "", name) for name in known if "_created" not in name}
    assert set() == there - shown, "a metric that nobody is shown"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


async def test_sampling_outlives_an_unforeseen_error() -> None:
    """A sample that fails is followed by the next one; when sampling ends, its task has ended."""
    taken: list[int] = []

    def sample() -> None:
        taken.append(len(taken))
        if len(taken) == 1:
            raise ZeroDivisionError

    telemetry = Telemetry(agents=[], models=[], collector=None)
    async with telemetry.sampling(sample), asyncio.timeout(10):
        while len(taken) < 2:  # noqa: ASYNC110  # nobody there to set an event
            await asyncio.sleep(0.05)
    assert {asyncio.current_task()} == asyncio.all_tasks()
