"""The figures: names, units and meanings, and the goals of the project for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.peers import AGENTOS, OURS, RELAY

#: The median over the rounds, by figure and then by peer; a figure that was not taken is absent.
Medians = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. If `compared` is False, a ratio to other servers has no meaning."""

    name: str
    label: str
    unit: str
    meaning: str
    digits: int = 1
    compared: bool = True


CPU = "CPU of the server process, user and system, by the tokens that the client got"
FIGURES = (
    Figure("flat", "CPU per token, flat out", "µs", f"{CPU}: answers of 2,000 tokens one after "
           "another, from an upstream that sends as fast as it can, "
           "64 tokens in a write. Requests are included."),
    Figure("length_20k", "CPU per token, answer of 20,000", "µs", "The same, one answer."),
    Figure("length_200k", "CPU per token, answer of 200,000", "µs", "The same, one answer: a "
           "server that handles the whole text again at each token shows here."),
    Figure("paced_1", "CPU per token, 1 paced stream", "µs", f"{CPU}, in a window in the middle "
           "of a stream of 50 tokens a second. One stream pays every wake-up alone."),
    Figure("paced_50", "CPU per token, 50 paced streams", "µs", "The same, 50 streams at once."),
    Figure("paced_200", "CPU per token, 200 paced streams", "µs", "The same, 200 streams: 10,000 "
           "tokens a second. A server that cannot keep up gets several at a time, which makes "
           "each cheaper than it would be on time."),
    Figure("kept_50", "tokens on time, 50 paced streams", "%", "Tokens that came in the window, "
           "of those that the upstream was due to send.", 0, compared=False),
    Figure("kept_200", "tokens on time, 200 paced streams", "%", "The same, 200 streams.", 0,
           compared=False),
    Figure("request_ms", "CPU per request", "ms", "CPU for an answer of one token: what a request "
           "costs beside its tokens, with the conversation that is stored.", 2),
    Figure("answer_150", "CPU per answer, 150 tokens paced", "ms", "CPU of the server process for "
           "a whole answer at 50 tokens a second, 50 at once: request, tokens, ending and the "
           "conversation that is stored.", 2),
    Figure("answer_500", "CPU per answer, 500 tokens paced", "ms", "The same, longer.", 2),
    Figure("answer_150_flat", "CPU per answer, 150 tokens flat out", "ms", "The same, one after "
           "another, from an upstream that sends as fast as it can.", 2),
    Figure("answer_300_flat", "CPU per answer, 300 tokens flat out", "ms", "The same.", 2),
    Figure("answer_500_flat", "CPU per answer, 500 tokens flat out", "ms", "The same.", 2),
    Figure("first_p50_ms", "added time to first token, p50", "ms", "Requests while 50 paced "
           "streams go on, ten a second: the median time to the first token, less that of the "
           "upstream itself under the same load.", 2),
    Figure("first_p99_ms", "added time to first token, p99", "ms", "The same, slowest in 100."),
    Figure("gap_p99_ms", "time between tokens, p99", "ms", "Between two tokens of one stream at "
           "the client, 50 paced streams; the upstream sends one each 20 ms. What waits until "
           "the next token comes shows as 20 ms more."),
    Figure("token_p50_us", "added time to a token, p50", "µs", "How much later than in step a "
           "token arrives, 50 paced streams; the upstream's own delay is subtracted.", 0),
    Figure("token_p99_us", "added time to a token, p99", "µs", "The same, slowest in 100.", 0),
    Figure("burst_50_p50_ms", "added time to first token, 50 starts at once, p50", "ms",
           "50 requests in the same moment: the median time to the first token, less the "
           "upstream's own.", 1),
    Figure("burst_50_p99_ms", "added time to first token, 50 starts at once, p99", "ms",
           "The same, slowest.", 1),
    Figure("burst_200_p50_ms", "added time to first token, 200 starts at once, p50", "ms",
           "The same, 200 requests.", 1),
    Figure("burst_200_p99_ms", "added time to first token, 200 starts at once, p99", "ms",
           "The same, slowest.", 1),
    Figure("sustained", "streams with every token on time", "", "How many streams of 50 tokens a "
           "second are on time at once: 99 % of the tokens that are due in the window come, 99 of "
           "100 within a quarter of a second. In steps of 50; the search ends at 400.", 0,
           compared=False),
    Figure("stream_kb", "memory per open stream", "KB", "Growth of the resident memory with 500 "
           "streams open, each silent after its first token, by 500."),
    Figure("rest_mb", "memory at rest", "MB", "Resident memory half a second after the start.", 0),
    Figure("start_s", "start-up", "s", "From exec to the first answer on the health route.", 2),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of the project, and what was found; `reached` is None if it was not measured."""

    text: str
    found: str
    reached: bool | None


def medians(rounds: Mapping[str, Mapping[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Medians by figure and peer, from the rounds' values by peer and figure."""
    table: dict[str, dict[str, float]] = {}
    for peer, figures in rounds.items():
        for name, values in figures.items():
            table.setdefault(name, {})[peer] = median(values)
    return table


def ratio(table: Medians, name: str, peer: str, other: str) -> float | None:
    """A figure of `peer` divided by that of `other`; None if one is missing or not positive."""
    row = table.get(name, {})
    ours, theirs = row.get(peer, 0.0), row.get(other, 0.0)
    return ours / theirs if ours > 0 and theirs > 0 else None


def goals(table: Medians) -> list[Goal]:
    """The goals, compared with the figures of one run."""
    found = []

    def fewer(name: str, least: float, what: str) -> None:
        times = ratio(table, name, AGENTOS.name, OURS.name)
        text = f"{what}: at least {least:g} times less than AgentOS"
        reached = times >= least if times else None
        found.append(Goal(text, f"{times:.1f} times" if times else "?", reached))

    def most(value: float | None, limit: float, text: str, unit: str) -> None:
        shown = "?" if value is None else f"{value:.1f} {unit}"
        found.append(Goal(text, shown, None if value is None else value <= limit))

    def ours(name: str) -> float | None:
        return table.get(name, {}).get(OURS.name)

    fewer("request_ms", 3, "CPU per answer of 1 token")
    fewer("answer_150", 5, "CPU per answer of 150 paced tokens")
    fewer("answer_500", 6, "CPU per answer of 500 paced tokens")
    fewer("answer_300_flat", 12, "CPU per answer of 300 tokens flat out")
    fewer("flat", 10, "CPU per token flat out")
    fewer("paced_50", 6, "CPU per token, 50 paced streams")
    times = ratio(table, "paced_50", OURS.name, RELAY.name)
    most(times, 1.8, "CPU per token, 50 paced streams: at most 1.8 times the floor", "times")
    fewer("first_p50_ms", 3, "Added time to first token at 50 streams, p50")
    fewer("first_p99_ms", 3, "Added time to first token at 50 streams, p99")
    fewer("burst_50_p99_ms", 3, "Added time to first token, 50 starts at once, p99")
    times = ratio(table, "burst_50_p50_ms", OURS.name, "on memory")
    if times:
        text = "First token of 50 starts at once, p50: at most 1.5 times memory://"
        most(times, 1.5, text, "times")
    most(ours("stream_kb"), 60, "Memory per open stream: at most 60 KB", "KB")
    most(ours("rest_mb"), 100, "Memory at rest: at most 100 MB", "MB")
    most(ours("start_s"), 2, "Serving within 2 s of its start", "s")
    short, long = ours("flat"), ours("length_200k")
    times = long / short if short and long else None
    text = "An answer of 200,000 tokens: at most 1.3 times an answer of 2,000, per token"
    most(times, 1.3, text, "times")
    for journal, peer in (("SQLite", OURS.name), ("Redis", "on redis")):
        for name, what in (("flat", "flat out"), ("paced_50", "50 paced streams")):
            times = ratio(table, name, peer, "on memory")
            if times:
                text = f"The journal in {journal}, {what}: at most 1.15 times memory://"
                found.append(Goal(text, f"{times:.2f} times", times <= 1.15))
    return found
