"""A vector store in memory: texts are vectors of their words, found by their common words."""

import re
from collections.abc import Sequence
from typing import Any

from agno.knowledge.document import Document
from agno.vectordb.base import VectorDb


class Words(VectorDb):
    """Implements what Agno's `Knowledge` asks of a vector store."""

    def __init__(self, *texts: str) -> None:
        super().__init__(name="words")
        self._documents = [Document(content=text, name=text) for text in texts]

    def search(
        self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None
    ) -> list[Document]:
        wanted = _words(query)
        found = [document for document in self._documents if wanted & _words(document.content)]
        return found[:limit]

    async def async_search(
        self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None
    ) -> list[Document]:
        return self.search(query, limit)

    def insert(self, content_hash: str, documents: Sequence[Document], *_: Any, **__: Any) -> None:
        self._documents.extend(documents)

    async def async_insert(
        self, content_hash: str, documents: Sequence[Document], *_: Any, **__: Any
    ) -> None:
        self.insert(content_hash, documents)

    upsert, async_upsert = insert, async_insert

    def exists(self) -> bool:
        return True

    async def async_exists(self) -> bool:
        return True

    def create(self) -> None: ...

    async def async_create(self) -> None: ...

    def drop(self) -> None:
        self._documents.clear()

    async def async_drop(self) -> None:
        self.drop()

    def delete(self) -> bool:
        self.drop()
        return True

    def name_exists(self, name: str) -> bool:
        return any(name in (document.id, document.name) for document in self._documents)

    async def async_name_exists(self, name: str) -> bool:  # type: ignore[override]  # not so there
        return self.name_exists(name)

    def id_exists(self, id: str) -> bool:
        return self.name_exists(id)

    def content_hash_exists(self, content_hash: str, user_id: str | None = None) -> bool:
        return False

    def delete_by_name(self, name: str) -> bool:
        known = self.name_exists(name)
        self._documents = [d for d in self._documents if name not in (d.id, d.name)]
        return known

    def delete_by_id(self, id: str) -> bool:
        return self.delete_by_name(id)

    def delete_by_metadata(self, metadata: dict[str, Any]) -> bool:
        return False

    def delete_by_content_id(self, content_id: str, user_id: str | None = None) -> bool:
        return False

    def get_supported_search_types(self) -> list[str]:
        return ["words"]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}
