"""Agents with knowledge: in a vector store, of a user's own, by tool and in the context."""

from typing import Any

from agno.agent import Agent
from agno.knowledge.document import Document
from agno.knowledge.knowledge import Knowledge

from tests.applications.kind import Site, kind
from tests.applications.tools import calls
from tests.applications.vectors import Words
from tests.provider_replies import Reply

WHALE = "The blue whale is the largest animal."
ANT = "Ants are small."
SEARCH = calls("search_knowledge_base", arguments='{"query": "a new whale"}')


class Shelf:
    """A knowledge base of a user's own: the protocol that Agno asks for."""

    def build_context(self, **kwargs: Any) -> str:
        return "Search the shelf."

    def get_tools(self, **kwargs: Any) -> list[Any]:
        return []

    async def aget_tools(self, **kwargs: Any) -> list[Any]:
        return []

    def retrieve(self, query: str, **kwargs: Any) -> list[Document]:
        return [Document(content=WHALE)] if "new" in query else []

    async def aretrieve(self, query: str, **kwargs: Any) -> list[Document]:
        return self.retrieve(query)


@kind(
    calls("search_knowledge_base", arguments='{"query": "what is new?"}'),
    Reply("A whale."),
    seen=WHALE,
)
def knowledge_by_tool(site: Site) -> Agent:
    return Agent(model=site.model(), knowledge=Shelf(), search_knowledge=True)


@kind(SEARCH, Reply("A whale."), seen=WHALE, shows="tool")
def vector_store_by_tool(site: Site) -> Agent:
    return Agent(model=site.model(), knowledge=Knowledge(vector_db=Words(WHALE, ANT)))


@kind(Reply("A whale."), question="Which whale is new?", seen=WHALE, unseen=ANT)
def vector_store_in_context(site: Site) -> Agent:
    return Agent(
        model=site.model(),
        knowledge=Knowledge(vector_db=Words(WHALE, ANT)),
        add_knowledge_to_context=True,
        search_knowledge=False,
    )


@kind(Reply("A whale."), seen=WHALE)
def knowledge_in_context(site: Site) -> Agent:
    return Agent(
        model=site.model(),
        knowledge=Shelf(),
        add_knowledge_to_context=True,
        search_knowledge=False,
    )


@kind(Reply("A whale."), seen=WHALE)
def knowledge_retriever(site: Site) -> Agent:
    async def retrieve(query: str, num_documents: int | None = None, **_: Any) -> Any:
        assert isinstance(query, str)
        return [{"content": WHALE, "query": query}]

    retriever: Any = retrieve  # Agno's types leave out coroutines
    return Agent(
        model=site.model(),
        knowledge_retriever=retriever,
        add_knowledge_to_context=True,
        search_knowledge=False,
    )
