"""The stores of conversations of all components."""

from collections.abc import Iterable, Iterator

from .proxies.proxy import Db, inner_of
from .store import Store


class Stores:
    """The stores of all components, each once; those of components that factories make are added
    when they are made."""

    def __init__(self, dbs: Iterable[Db]) -> None:
        self._stores: dict[int, Store] = {}
        for db in dbs:
            self.of(db)

    def __iter__(self) -> Iterator[Store]:
        return iter(list(self._stores.values()))

    def of(self, db: Db) -> Store:
        """The store of a database of Agno's, or of the proxy of one."""
        inner = inner_of(db)
        if id(inner) not in self._stores:
            self._stores[id(inner)] = Store(db)
        return self._stores[id(inner)]

    def named(self, name: str) -> Store:
        """The store with this id, or the first one if there is none."""
        return next((store for store in self if store.id == name), next(iter(self)))
