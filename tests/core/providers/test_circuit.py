"""The circuit breaker: when it opens, when it closes, and its one trial request."""

import time

import pytest

from app.core.providers.circuit import Circuit
from app.core.run_failures import ModelUnavailable

SECONDS = 0.1


def failing(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        circuit.enter()
        circuit.leave(well=False)


def test_circuit_opens_after_failures_in_a_row() -> None:
    """The last of the failures in a row opens the circuit; a success resets the count."""
    circuit = Circuit("m", failures=3, seconds=60)
    failing(circuit, 2)
    circuit.enter()
    circuit.leave(well=True)
    failing(circuit, 2)
    assert not circuit.open
    failing(circuit, 1)
    assert circuit.open
    with pytest.raises(ModelUnavailable, match=r"'m' has failed 3 times in a row") as refused:
        circuit.enter()
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60


def test_cancelled_request_does_not_count() -> None:
    """A cancelled request neither opens a circuit nor resets its count."""
    circuit = Circuit("m", failures=2, seconds=60)
    failing(circuit, 1)
    circuit.enter()
    circuit.leave(well=None)
    assert not circuit.open
    failing(circuit, 1)
    assert circuit.open


@pytest.mark.parametrize("well", [True, False, None])
def test_only_one_trial_request_is_admitted(well: bool | None) -> None:
    """After the open time one trial request is admitted, and its outcome decides; after a cancelled
    trial, the next request is the trial."""
    circuit = Circuit("m", failures=2, seconds=SECONDS)
    failing(circuit, 2)
    time.sleep(SECONDS * 1.5)
    assert not circuit.open
    circuit.enter()
    with pytest.raises(ModelUnavailable) as refused:
        circuit.enter()
    assert 1 == refused.value.retry_after
    circuit.leave(well=well)
    assert (well is False) == circuit.open
    if well is not False:
        circuit.enter()


def test_zero_failures_disables_circuit() -> None:
    """With `failures=0` a circuit never opens."""
    circuit = Circuit("m", failures=0, seconds=60)
    failing(circuit, 100)
    assert not circuit.open
