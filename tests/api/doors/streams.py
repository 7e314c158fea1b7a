"""For the tests of encoders: texts that break framings, and streams as a network cuts them."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from hypothesis import strategies as st

from app.models.chat import StreamingChunk

#: What has broken streams before: line ends of all kinds, and text that looks like a stream.
NASTY = [
    *(
        "",
        "\r\n",
        "\r",
        "\n",
        "\n\n",
        "\u2028",
        "\u2029",
        "\x85",
        "\v\f\x1c\x1d\x1e",
        "\0",
        "\ufeff",
    ),
    *("data: ", "\ndata: x\n\n", "data: [DONE]\n\n", "[DONE]", "id: 7\n", ": ", "retry: 1\n"),
    *("event: ping", "event: error\n\n", "🙂", "👩‍👩‍👧", "漢字", "e\u0301", '"\\', "</script>"),
]
TEXTS = st.lists(st.sampled_from(NASTY) | st.text(max_size=20), max_size=6).map("".join)

#: Places at which a network may cut a stream.
CUTS = st.sets(st.integers(0, 3000), max_size=30)

#: The only chunk of a run whose text has all of `NASTY`.
AWKWARD = StreamingChunk("".join(NASTY), done=True, model="m", finish_reason="stop")


def pieces(stream: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """The stream cut at those places."""
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(stream)), len(stream)]
    for start, end in pairwise(places):
        yield stream[start:end]
