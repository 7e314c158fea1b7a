"""Answers from documents of your own (RAG), without a network or a database.

Shows: a search that the agent calls as a tool, and its sources below the answer. The vectors here
are counts of words; a store of Agno's (`Knowledge(vector_db=...)`) takes their place in earnest.
Run, in this folder: agno-stream serve --agents knowledge:librarian
Ask on http://127.0.0.1:8000: How many days of holiday do I have?
"""

import math
import re
from collections import Counter
from typing import Any

from agno.agent import Agent

HANDBOOK = {
    "holidays.md": "Everybody has 30 days of holiday a year. Ask for them two weeks before.",
    "travel.md": "Trains are paid in second class. Send the tickets in within a month.",
    "illness.md": "Call before 9 when you are ill. From the third day on we need a note.",
}


def vector(text: str) -> Counter[str]:
    """The words of a text, shortened to their beginnings, with how often they come."""
    return Counter(word[:6] for word in re.findall(r"\w{3,}", text.lower()))


def similarity(one: Counter[str], other: Counter[str]) -> float:
    """The cosine of the angle between two vectors: 1 for the same words, 0 for none in common."""
    shared = sum(one[word] * other[word] for word in one.keys() & other.keys())
    lengths = (math.sqrt(sum(n * n for n in each.values())) for each in (one, other))
    return shared / (math.prod(lengths) or 1)


INDEX = {name: vector(text) for name, text in HANDBOOK.items()}


def search(query: str, num_documents: int | None = None, **_: Any) -> list[dict[str, Any]]:
    """The documents that are nearest to a query, the best first."""
    wanted = vector(query)
    found = sorted(INDEX, key=lambda name: similarity(wanted, INDEX[name]), reverse=True)
    return [
        {"name": name, "content": HANDBOOK[name]}
        for name in found[: num_documents or 1]
        if similarity(wanted, INDEX[name]) > 0
    ]


librarian = Agent(
    name="Handbook",
    description="Knows the handbook of the company.",
    knowledge_retriever=search,
    search_knowledge=True,
    instructions="Search the handbook, and answer with what it says alone.",
)
