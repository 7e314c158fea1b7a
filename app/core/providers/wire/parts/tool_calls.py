"""Tool calls out of deltas, in whichever way a provider cuts and numbers them."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ..outcome import WrittenCall

#: Calls in one response, at most.
MOST_CALLS = 128

#: Characters of the arguments of all calls of one response, at most.
MOST_ARGUMENTS = 16 * 2**20

#: Characters of a name after which further pieces are passed over.
LONGEST_NAME = 1000

_TOKENS = re.compile(r'[\\"{}\[\]]')


class TooManyCalls(ValueError):
    """A response has more tool calls than MOST_CALLS, or more than MOST_ARGUMENTS characters of
    arguments."""


@dataclass(slots=True)
class _Call:
    """A call while it comes. Whether its arguments are whole JSON is found out when it matters,
    and each character is looked at once."""

    id: str
    given: str  # the id as it was sent, which another call may have, too
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    size: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    _scanned: int = 0
    _depth: int = 0
    _quoted: bool = False
    _escaped: bool = False
    _opened: bool = False

    @property
    def complete(self) -> bool:
        """Whether the arguments are an object that has been closed."""
        for piece in self.pieces[self._scanned :]:
            self._scan(piece)
        self._scanned = len(self.pieces)
        return self._opened and self._depth <= 0 and not self._quoted

    def holds(self, text: str) -> bool:
        """Whether the arguments so far are just this text."""
        return len(text) == self.size and "".join(self.pieces) == text

    def _scan(self, piece: str) -> None:
        after_escape = 0 if self._escaped else -1
        self._escaped = False
        for match in _TOKENS.finditer(piece):
            at, token = match.start(), match.group()
            if at == after_escape:
                continue
            if token == "\\":
                if self._quoted:
                    after_escape = at + 1
            elif token == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._opened = True
                self._depth += 1 if token in "{[" else -1
        self._escaped = after_escape == len(piece) and bool(piece)


class ToolCalls:
    """The calls of one response, numbered in the order in which they appear.

    A new id begins a call, and so does a new index, and a name behind arguments that are whole.
    The index is only a hint: it may be missing, equal for all, begin at 1, or be absurd.
    """

    __slots__ = ("_by_id", "_by_index", "_calls", "_size")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_id: dict[str, _Call] = {}
        self._by_index: dict[Any, _Call] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def nameless(self) -> bool:
        """Whether there is a call that cannot be run, for it has no name."""
        return any(not call.name for call in self._calls)

    def add(
        self,
        *,
        index: Any = None,
        id: Any = None,
        name: Any = None,
        arguments: Any = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Take a delta, or a whole call; raises `TooManyCalls`."""
        id = id if isinstance(id, str) else "" if id is None else str(id)[:200]
        name = name if isinstance(name, str) else ""
        index = index if isinstance(index, int | str) else None
        if arguments is None or isinstance(arguments, str):
            text = arguments or ""
        else:
            text = json.dumps(arguments)
        call = self._call(index, id, name, text)
        if call is None:
            if not (id or name or text):
                return  # an empty place
            call = self._begin(index, id)
        elif id and not call.given:
            call.id = call.given = id
            self._by_id[id] = call
        if name != call.name and len(call.name) < LONGEST_NAME:
            # In pieces, or longer each time.
            call.name = name if name.startswith(call.name) else call.name + name
        if extra:
            call.extra.update(extra)
        if text:
            self._write(call, text)

    def written(self) -> list[WrittenCall]:
        """The calls as they stand now, in order. A call without an id gets one."""
        return [
            WrittenCall(
                id=call.id or f"call_{uuid4().hex[:24]}",
                name=call.name,
                arguments="".join(call.pieces) or "{}",
                extra=call.extra,
            )
            for call in self._calls
        ]

    def _call(self, index: Any, id: str, name: str, text: str) -> _Call | None:
        """The call that a delta goes on with; None if it begins one."""
        if not self._calls:
            return None
        known = self._by_index.get(index) if index is not None else None
        last = self._calls[-1]
        if id and (call := known if known and known.given == id else self._by_id.get(id)):
            another = bool(name) and index is not None and known is None and call.complete
            return None if another or self._ended(call, name, text) else call
        if id:
            call = known or last
            if call.given:
                # Some invent an id for each delta: without a name it is the same call.
                return call if not name and (known or index is None) else None
            return None if self._ended(call, name, text) else call
        if index is not None and known is None:
            # A fragment under a new number is one of the last call's, if that is not whole.
            return None if name or last.complete else last
        call = known or last
        return None if self._ended(call, name, text) else call

    @staticmethod
    def _ended(call: _Call, name: str, text: str) -> bool:
        """Whether a delta with a name belongs to the call behind this one."""
        if not name or not call.pieces:
            return False  # more arguments; a piece of the name, or the name again
        if name != call.name:
            return True
        return bool(text) and call.complete and not call.holds(text)

    def _begin(self, index: Any, id: str) -> _Call:
        if len(self._calls) >= MOST_CALLS:
            raise TooManyCalls(f"The provider sent more than {MOST_CALLS} tool calls at once.")
        # Results are matched by id: two calls cannot share one.
        call = _Call(id="" if id in self._by_id else id, given=id)
        self._calls.append(call)
        if call.id:
            self._by_id[id] = call
        if index is not None:
            self._by_index[index] = call
        return call

    def _write(self, call: _Call, text: str) -> None:
        if call.holds(text) and call.complete:
            return  # some end with all of the arguments again
        call.pieces.append(text)
        call.size += len(text)
        self._size += len(text)
        if self._size > MOST_ARGUMENTS:
            raise TooManyCalls(
                f"The provider sent tool calls of more than {MOST_ARGUMENTS} characters."
            )
