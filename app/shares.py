"""The part of the server's limits that each of several worker processes applies to itself."""

from .settings import Settings

#: Limits of the server that each process applies to itself.
PER_PROCESS = (
    *("max_connections", "max_bodies_bytes", "max_concurrent_runs"),
    *("max_concurrent_runs_per_principal", "run_queue", "hub_bytes"),
)


def share_of_worker(settings: Settings) -> Settings:
    """Return the settings of one of WORKERS processes: its part of the limits that each process
    applies by itself, rounded up."""
    several = settings.workers
    shares = {
        name: -(-value // several)
        for name in PER_PROCESS
        if (value := getattr(settings, name)) is not None
    }
    return settings.model_copy(update=shares)
