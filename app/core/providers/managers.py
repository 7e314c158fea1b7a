"""The models of Agno's managers, of memories, summaries and the like, which serve all runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from agno.models.base import Model

from .catalog import ModelCatalog
from .http.clients import has_client
from .tracked import TrackedModel
from .upstream import Upstreams


class ManagerModels:
    """Tracks the model of each manager once. `opened` are those that had no connections before."""

    def __init__(self, models: ModelCatalog, upstreams: Upstreams) -> None:
        self._models = models
        self._upstreams = upstreams
        self._known: dict[int, Model] = {}
        self.opened: list[Model] = []

    def of(self, source: Model | None) -> Model:
        """The tracked copy of a model, or of the server's default."""
        found = source or self._models.model(self._models.default)
        if id(found) not in self._known:
            opens = not has_client(found)
            upstream = self._upstreams.of(found, own=source is not None)
            tracked = self._known[id(found)] = TrackedModel(found, upstream=upstream).model
            if opens:
                self.opened.append(tracked)
        return self._known[id(found)]

    @contextmanager
    def apart(self) -> Iterator[list[Model]]:
        """Forget at the exit what is tracked in the block, because it is for one run alone; the
        list gets those of it that had no connections."""
        known, opened = self._known, self.opened
        self._known, self.opened = known.copy(), []
        try:
            yield self.opened
        finally:
            self._known, self.opened = known, opened
