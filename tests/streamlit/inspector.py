"""The debugging side: each event with its time, and the HTTP headers."""

import json
from datetime import UTC, datetime
from itertools import pairwise

import streamlit as st

from agno_stream import Client, Exchange
from tests.streamlit import turns
from tests.streamlit.events import Event
from tests.streamlit.measures import Measures, measure
from tests.streamlit.recording import Recording

#: Seconds between two drawings of a streaming answer: tables and charts cost more than text.
GLANCE = 0.5

#: Events that are shown of a streaming answer; when it has ended, all are.
TAIL = 200

CHART = {
    "mark": {"type": "rule", "tooltip": True, "strokeWidth": 2, "color": "#0068c9"},
    "height": 180,
    "encoding": {
        "x": {"field": "token", "type": "quantitative", "title": "token"},
        "y": {"field": "delay", "type": "quantitative", "title": "delay before it, ms"},
    },
}


def inspector(client: Client, recording: Recording | None, last: str | None, live: bool) -> None:
    """The inspector of one answer; without one, a form to replay run `last`."""
    if recording is None:
        st.caption("Each event of the next answer is shown here.")
    else:
        _drawn(recording, live)
    run_id = recording.run_id if recording else last
    if run_id is not None and not live:
        _again(client, run_id)


def _again(client: Client, run_id: str) -> None:
    with (
        st.expander("Read this run again", icon=":material/replay:"),
        st.form("again", border=False),
    ):
        st.caption(f"Run `{run_id}`")
        st.number_input("From behind event", 0, key="after")
        st.toggle("With the delays that it had", key="pace")
        st.form_submit_button("Resume", on_click=_resume, args=(client, run_id))


def _resume(client: Client, run_id: str) -> None:
    turns.resume(client, run_id, st.session_state.after, pace=st.session_state.pace)


def _drawn(recording: Recording, live: bool) -> None:
    """Redrawn regularly while the answer is streaming."""

    @st.fragment(run_every=GLANCE if live else None)
    def drawn() -> None:
        recording.look()
        events = recording.events[:]
        measures = measure(recording.began, events)
        _figures(measures, events)
        if recording.resumed:
            st.caption(
                "This run was resumed: what had come before then came at once, and its times are "
                "those of its coming here."
            )
        _delays(measures)
        shown = events[-TAIL:] if live else events
        before = events[-len(shown) - 1].at if len(shown) < len(events) else recording.began
        with st.expander(f"Raw events ({len(events)})", icon=":material/list:", expanded=True):
            if shown:
                _table(shown, before)
        for exchange in recording.exchanges[:]:
            _headers(exchange)

    drawn()


def _figures(measures: Measures, events: list[Event]) -> None:
    """The figures of the chat page's inspector, and the delays."""
    usage = events[-1].chunk.usage if events else None
    figures = [
        ("First token", _milliseconds(measures.first)),
        ("Tokens/s", None if measures.rate is None else f"{measures.rate:.1f}"),
        ("Events", str(len(events))),
        ("Usage", f"{usage['input_tokens']} + {usage['output_tokens']}" if usage else None),
        ("Median delay", _milliseconds(measures.median)),
        ("Longest delay", _milliseconds(measures.longest)),
    ]
    for row in (figures[:3], figures[3:]):
        for column, (label, value) in zip(st.columns(3), row, strict=True):
            column.metric(label, value)
    if measures.took is not None:
        tokens, took = measures.tokens, measures.took
        st.caption(f"{tokens} events with text or reasoning; all of it took {took:.2f} s.")


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds * 1000:.0f} ms"


def _delays(measures: Measures) -> None:
    if measures.delays:
        rows = [
            {"token": number, "delay": round(delay * 1000, 3)}
            for number, delay in enumerate(measures.delays, 2)
        ]
        st.vega_lite_chart(rows, CHART)


def _table(events: list[Event], before: float) -> None:
    times = [before, *(event.at for event in events)]
    rows = [
        {
            "id": event.chunk.number,
            "time": f"{datetime.fromtimestamp(at, UTC).astimezone():%H:%M:%S.%f}"[:-3],
            "+ ms": round((at - earlier) * 1000, 1),
            "data": json.dumps(event.chunk.raw, ensure_ascii=False),
        }
        for (earlier, at), event in zip(pairwise(times), events, strict=True)
    ]
    columns = {"data": st.column_config.TextColumn(width="large")}
    st.dataframe(rows, hide_index=True, height=320, column_config=columns)


def _headers(exchange: Exchange) -> None:
    label = f"{exchange.method} `{exchange.url}` {exchange.status_code}"
    with st.expander(label, icon=":material/http:"):
        st.caption("Request headers")
        st.code(_lines(exchange.sent), language="http")
        st.caption("Response headers")
        st.code(_lines(exchange.received), language="http")


def _lines(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
