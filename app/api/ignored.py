"""Fields of a request that the server does not know: passed over, and reported.

A misspelt field would otherwise be lost in silence. They are named in `X-Ignored-Fields`, each
with the known name that is nearest to it.
"""

import difflib
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

logger = logging.getLogger(__name__)

HEADER = "X-Ignored-Fields"

#: Names that the header shows as they are; all others would need an encoding.
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,64}")

#: Fields that the header names, at most.
SHOWN = 20


def ignored_fields(
    body: type[BaseModel], fields: Mapping[str, Any], *, native: bool = True
) -> dict[str, str]:
    """The header that names the unknown fields of a request; empty if all are known.

    Only those of the native protocol are logged: clients of other protocols send much that is not
    for this server.
    """
    unknown = [*_unknown(body, fields, "")]
    return _header(dict(_known(body)), unknown, native=native) if unknown else {}


def ignored_parameters(known: Collection[str], given: Iterable[str]) -> dict[str, str]:
    """The header that names the unknown parameters of a query."""
    unknown = [name for name in dict.fromkeys(given) if name not in known]
    return _header({name: name for name in known}, unknown, native=True) if unknown else {}


def _header(known: Mapping[str, str], unknown: list[str], *, native: bool) -> dict[str, str]:
    shown = [_shown(name, known) for name in unknown[:SHOWN] if PLAIN.fullmatch(name)]
    value = ", ".join(shown) or f"{len(unknown)} fields"
    level = logging.WARNING if native else logging.DEBUG
    logger.log(level, "a request has fields that this server does not know: %s", value)
    return {HEADER: value}


def _known(body: type[BaseModel], before: str = "") -> Iterator[tuple[str, str]]:
    """Every known field, by its own name, as it is written in a path."""
    for attribute, field in body.model_fields.items():
        name = field.alias or attribute
        yield name, f"{before}{name}"
        inner = _model(field.annotation)
        if inner is not None:
            yield from _known(inner, f"{before}{name}.")


@cache
def _names(body: type[BaseModel]) -> frozenset[str]:
    """The names of a body's fields on the wire."""
    return frozenset(field.alias or name for name, field in body.model_fields.items())


def _unknown(body: type[BaseModel], fields: Mapping[str, Any], before: str) -> Iterator[str]:
    if body.model_config.get("extra") == "allow":
        return  # they go to the provider
    known = _names(body)
    for name, value in fields.items():
        if name not in known:
            yield f"{before}{name}"
        elif isinstance(value, dict):
            inner = (
                _model(body.model_fields[name].annotation) if name in body.model_fields else None
            )
            if inner is not None:
                yield from _unknown(inner, value, f"{before}{name}.")


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model of a field, of which there may also be none."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _shown(name: str, known: Mapping[str, str]) -> str:
    last = name.rpartition(".")[2]
    near = difflib.get_close_matches(last, known, n=1, cutoff=0.6)
    return f"{name} (did you mean {known[near[0]]}?)" if near else name
