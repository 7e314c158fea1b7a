"""The last turn of each conversation, which the page's URL finds again.

The page's URL has the id of the open conversation and, while a run is active, of the run.
"""

from uuid import uuid4

import streamlit as st

from agno_stream import Client
from agno_stream.decisions import Decision
from agno_stream.requests import QuestionOptions
from tests.streamlit.events import Order
from tests.streamlit.recording import Recording
from tests.streamlit.sidebar import show


@st.cache_resource
def questions() -> dict[str, str]:
    """The questions sent by this process, by run id. The server lists a question only after its
    answer, and a reloaded page shows it before that."""
    return {}


def recordings() -> dict[str, Recording]:
    """The recordings of the session, by conversation id."""
    held: dict[str, Recording] = st.session_state.setdefault("recordings", {})
    return held


def ask(client: Client, before: str | None, question: str | None = None) -> None:
    """Start a turn after run `before`, in a new conversation if none is open; the question is that
    in the field if none is given."""
    conversation_id = st.query_params.get("conversation") or uuid4().hex
    show(conversation_id)
    # What stands in the widgets now, which may be newer than what they last gave to a script.
    state = st.session_state
    options = QuestionOptions(
        agent=state.agent, model=state.model or None, conversation_id=conversation_id
    )
    order = Order(client.config, question or state.question, state.stream, options)
    recordings()[conversation_id] = Recording(order, before=before)


def again(client: Client, run_id: str, question: str) -> None:
    """Answer the stored turn of a run again, in its place, in the open conversation."""
    options = QuestionOptions(model=st.session_state.model or None)
    order = Order(client.config, replaces=run_id, options=options)
    conversation_id = st.query_params.get("conversation", "")
    recordings()[conversation_id] = Recording(order, question, before=run_id)


def decide(client: Client, run_id: str, decisions: list[Decision]) -> None:
    """Send decisions on a paused run of the open conversation, and read what continues it."""
    order = Order(client.config, continues=run_id, decisions=tuple(decisions))
    recordings()[st.query_params.get("conversation", "")] = Recording(order)


def resume(client: Client, run_id: str, after: int = 0, *, pace: bool = False) -> Recording:
    """Read a run of the open conversation, after event `after`."""
    order = Order(client.config, run_id=run_id, after=after, pace=pace)
    recording = Recording(order, questions().get(run_id))
    recordings()[st.query_params.get("conversation", "")] = recording
    return recording


def current(client: Client, last: str | None) -> Recording | None:
    """The last turn of the conversation that is open; after a reload of the page, the run that was
    active. `last` is the run of the last turn that the server has stored."""
    for recording in recordings().values():
        recording.look()
    found = recordings().get(st.query_params.get("conversation", ""))
    run_id = st.query_params.get("run")
    # The browser may still name a run that was paused meanwhile, and that a person has decided on.
    if run_id and (found is None or run_id not in (found.run_id, found.order.continues)):
        found = resume(client, run_id)
    if found is not None and not found.running:
        st.query_params.pop("run", None)
        if found.run_id is None and found.stopped and last != found.before:
            return None  # stopped before its run id was known: now it is in the server's list
    return found


def going_on(recording: Recording) -> None:
    """Put the id of an active run into the page's URL, so that a reload finds it."""
    if recording.run_id is not None:
        st.query_params["run"] = recording.run_id
        if recording.question is not None:
            questions()[recording.run_id] = recording.question
