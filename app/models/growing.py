"""A text that grows by small pieces, and is kept in few."""

#: Pieces that are joined to one.
MANY = 256


class GrowingText:
    """Collects the pieces of a text.

    A list of all of them takes ten times the memory of the text, and so does `io.StringIO`, which
    keeps a hundred thousand of them. The garbage collector also visits each item of a list, during
    which all streams wait: 40 ms for fifty answers.
    """

    __slots__ = ("_blocks", "_joined", "_pieces", "_taken")

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._pieces: list[str] = []
        self._joined = 0  # pieces that are in blocks
        self._taken = 0  # blocks, by `take`

    def append(self, piece: str) -> None:
        pieces = self._pieces
        pieces.append(piece)
        if len(pieces) >= MANY:
            self._join()

    @property
    def count(self) -> int:
        """How many pieces were appended."""
        return self._joined + len(self._pieces)

    def take(self) -> str:
        """The text since the last time."""
        self._join()
        first, self._taken = self._taken, len(self._blocks)
        return "".join(self._blocks[first:])

    def __str__(self) -> str:
        """The whole text."""
        return "".join((*self._blocks, *self._pieces))

    def _join(self) -> None:
        if self._pieces:
            self._blocks.append("".join(self._pieces))
            self._joined += len(self._pieces)
            self._pieces.clear()
