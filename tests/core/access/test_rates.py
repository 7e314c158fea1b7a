"""Rates: what is read from the setting, and what is counted."""

import pytest

from app.core.access.rates import Rates, read_limits
from app.core.errors import ConfigurationError, RateLimited


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, []),
        ("60/minute", [("requests", 60, 60)]),
        ("60 requests/minute, 1000 tokens/hour", [("requests", 60, 60), ("tokens", 1000, 3600)]),
        ("1 Request per second,5 token/days", [("requests", 1, 1), ("tokens", 5, 86400)]),
    ],
)
def test_read_limits(text: str | None, expected: list[tuple[str, int, int]]) -> None:
    """The setting is read as people write it."""
    found = [
        (limit.what, limit.item.amount, limit.item.get_expiry()) for limit in read_limits(text)
    ]
    assert expected == found


@pytest.mark.parametrize("text", ["60", "many/minute", "0/minute", "5/fortnight", "5 cats/minute"])
def test_invalid_limit(text: str) -> None:
    """An invalid limit is an error."""
    with pytest.raises(ConfigurationError, match="RATE_LIMIT"):
        read_limits(text)


async def test_request_limit_per_principal() -> None:
    """Each principal has its own count."""
    rates = Rates(read_limits("2/minute"))
    for _ in range(2):
        await rates.admit("a")
    with pytest.raises(RateLimited) as caught:
        await rates.admit("a")
    assert 1 <= (caught.value.retry_after or 0) <= 60
    await rates.admit("b")


async def test_token_limit() -> None:
    """The answer that goes over the limit is whole; the question after it is refused, and counts
    as no request."""
    rates = Rates(read_limits("100 requests/minute, 10 tokens/minute"))
    await rates.admit("a")
    await rates.record_tokens("a", 9)
    await rates.admit("a")
    await rates.record_tokens("a", 5000)
    with pytest.raises(RateLimited, match="10 tokens per minute"):
        await rates.admit("a")
    await rates.admit("b")


async def test_no_limit_counts_nothing() -> None:
    """Without limits nothing is counted."""
    rates = Rates()
    for _ in range(1000):
        await rates.admit("a")
        await rates.record_tokens("a", 1 << 60)
    await rates.close()


async def test_a_request_that_is_refused_is_counted_by_no_limit() -> None:
    """A limit of an hour is not used up by requests that a limit of a minute refuses."""
    rates = Rates(read_limits("2/minute, 3/hour, 5 requests/day"))
    for _ in range(2):
        await rates.admit("a")
    for _ in range(10):
        with pytest.raises(RateLimited, match="2 requests per minute"):
            await rates.admit("a")
    stats = [
        await rates._requests.get_window_stats(limit.item, limit.what, "a")
        for limit in rates._limits
    ]
    assert [0, 1, 3] == sorted(window.remaining for window in stats)


async def test_a_check_counts_nothing() -> None:
    """Whoever only looks may look as often as he likes."""
    rates = Rates(read_limits("1/minute"))
    for _ in range(10):
        await rates.check("a")
    await rates.admit("a")
    with pytest.raises(RateLimited):
        await rates.check("a")
