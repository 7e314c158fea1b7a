"""A pytest plugin: with AGNO_STREAM_NO_SKIP=1 a test that skips has failed.

A test may skip on a laptop that lacks its server. In CI the same skip means that nobody runs it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    """Forbid skips for this session if the environment asks for it."""
    if os.environ.get("AGNO_STREAM_NO_SKIP") == "1":
        config.pluginmanager.register(_NoSkips())


class _NoSkips:
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self,
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        return _failed_if_skipped((yield))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        return _failed_if_skipped((yield))


def _failed_if_skipped(report: Report) -> Report:
    # An expected failure (xfail) also counts as skipped, but it did run.
    if report.skipped and not hasattr(report, "wasxfail"):
        # pytest describes a skip as (path, line, "Skipped: reason").
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else where
        report.outcome = "failed"
        report.longrepr = f"{reason} (AGNO_STREAM_NO_SKIP=1 forbids skips)"
    return report
