"""A page of the items of a request."""

from typing import Any, Literal

import msgspec

from ....core.errors import InvalidField


class Page(msgspec.Struct):
    """Items in the wanted order; `first_id` and `last_id` are empty for a page without items."""

    data: list[dict[str, Any]]
    first_id: str
    last_id: str
    has_more: bool
    object: str = "list"


def page(
    items: list[dict[str, Any]],
    *,
    limit: int,
    order: Literal["asc", "desc"],
    after: str | None,
    before: str | None,
) -> Page:
    """Return the page of items after or before one of them; raises `InvalidField` for an unknown
    id."""
    ordered = items if order == "asc" else items[::-1]
    start = _place(ordered, "after", after) + 1 if after else 0
    end = _place(ordered, "before", before) if before else len(ordered)
    found = ordered[start:end]
    shown = found[:limit]
    return Page(
        data=shown,
        first_id=shown[0]["id"] if shown else "",
        last_id=shown[-1]["id"] if shown else "",
        has_more=len(found) > limit,
    )


def _place(items: list[dict[str, Any]], name: str, item_id: str) -> int:
    for place, item in enumerate(items):
        if item["id"] == item_id:
            return place
    raise InvalidField(f"{name}: there is no item {item_id!r}")
