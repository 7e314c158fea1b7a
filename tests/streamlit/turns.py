"""The turns of a page: the last of each conversation, which its address finds again.

The address holds the conversation that is open, and the run while one goes on.
"""

from uuid import uuid4

import streamlit as st

from agno_stream import Client
from agno_stream.requests import QuestionOptions
from tests.streamlit.events import Order
from tests.streamlit.recording import Recording
from tests.streamlit.sidebar import show


@st.cache_resource
def questions() -> dict[str, str]:
    """What was asked by this process, by run: the server tells a question only when it is answered,
    and a page that was reloaded shows it sooner."""
    return {}


def recordings() -> dict[str, Recording]:
    """By conversation."""
    held: dict[str, Recording] = st.session_state.setdefault("recordings", {})
    return held


def ask(client: Client, before: str | None) -> None:
    """Begin a turn behind run `before`, in a conversation of its own if none is open."""
    conversation_id = st.query_params.get("conversation") or uuid4().hex
    show(conversation_id)
    # What stands in the widgets now, which may be newer than what they last gave to a script.
    said = st.session_state
    options = QuestionOptions(
        agent=said.agent, model=said.model or None, conversation_id=conversation_id
    )
    order = Order(client.config, said.question, said.stream, options)
    recordings()[conversation_id] = Recording(order, before=before)


def resume(client: Client, run_id: str, after: int = 0, *, pace: bool = False) -> Recording:
    """Read a run of the conversation that is open, from behind event `after`."""
    order = Order(client.config, run_id=run_id, after=after, pace=pace)
    recording = Recording(order, questions().get(run_id))
    recordings()[st.query_params.get("conversation", "")] = recording
    return recording


def current(client: Client, last: str | None) -> Recording | None:
    """The last turn of the conversation that is open; after a reload of the page, the run that was
    going on. `last` is the run of the last turn that the server tells."""
    for recording in recordings().values():
        recording.look()
    found = recordings().get(st.query_params.get("conversation", ""))
    run_id = st.query_params.get("run")
    if run_id is not None and (found is None or found.run_id != run_id):
        found = resume(client, run_id)
    if found is not None and not found.running:
        st.query_params.pop("run", None)
        if found.run_id is None and found.stopped and last != found.before:
            return None  # stopped before its run had a name here: the server now tells of it
    return found


def going_on(recording: Recording) -> None:
    """Let the page's address tell of a run that goes on, so that a reload comes back to it."""
    if recording.run_id is not None:
        st.query_params["run"] = recording.run_id
        if recording.question is not None:
            questions()[recording.run_id] = recording.question
