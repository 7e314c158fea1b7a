"""A page of the conversations of an owner, from all stores."""

from collections.abc import Iterable
from typing import Any

from .....models.chat import ConversationInfo, ConversationPage
from .listing import Cursor, Wanted

#: Pinned conversations that a page shows.
MAX_PINNED = 100


async def page_of(
    stores: Iterable[Any],
    owner: str,
    *,
    limit: int,
    before: str | None,
    q: str | None,
    offset: int,
) -> ConversationPage:
    """At most `limit` conversations in several stores, the most recently updated first, and on the
    first page those that are pinned, the latest pin first.

    Raises `InvalidField`, and `ConversationsUnavailable`.
    """
    cursor = Cursor.decode(before) if before else None
    all_stores = [*stores]
    skipped = offset if len(all_stores) == 1 else 0  # the rows of several must be sorted first
    rest = offset - skipped
    wanted = Wanted(owner, rest + limit + 1, cursor, q, skipped)
    total = 0
    found = []
    for store in all_stores:
        found += await store.read(store.listing.page(wanted))
        total += await store.read(store.listing.count(wanted))
    found.sort(key=lambda row: row.cursor, reverse=True)
    page = found[rest : rest + limit]
    more = len(found) > rest + limit
    is_first = cursor is None and not offset
    return ConversationPage(
        [row.info for row in page],
        total,
        limit,
        offset,
        next=page[-1].cursor.encode() if more else None,
        pinned=await _pinned(all_stores, owner, q) if is_first else [],
    )


async def _pinned(stores: list[Any], owner: str, q: str | None) -> list[ConversationInfo]:
    wanted = Wanted(owner, MAX_PINNED, words=q, pinned=True)
    found = [row for store in stores for row in await store.read(store.listing.page(wanted))]
    found.sort(key=lambda row: (row.info.pinned_at or 0, row.cursor), reverse=True)
    return [row.info for row in found[:MAX_PINNED]]
