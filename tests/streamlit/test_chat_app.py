"""The visual test app, and its tests.

    streamlit run tests/streamlit/test_chat_app.py

chats with a running server, streaming and not, and shows each event, when it came, and the headers
around it. `AGNO_STREAM_URL` and `AGNO_STREAM_API_KEY` say which server, else the side bar does.
Collected by pytest, the same file tests the app against servers of its own.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import streamlit as st

# `streamlit run` looks for modules beside the script only.
if (root := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.insert(0, root)

from agno_stream import AgnoStreamError, Client, Message, NotFound, ServerUnreachable
from agno_stream.requests import Asked
from tests.streamlit import chat, sidebar
from tests.streamlit.inspector import inspector
from tests.streamlit.recording import Recording

if TYPE_CHECKING:
    pass


def main() -> None:
    st.set_page_config("agno-stream", ":material/stream:", layout="wide")
    with st.sidebar:
        st.header("agno-stream")
        client = sidebar.connection()
    try:
        agents, models = client.agents(), client.models()
        conversations, messages = client.conversations(), said(client)
    except AgnoStreamError as failure:
        st.error(failure.message, icon=":material/cloud_off:")
        if isinstance(failure, ServerUnreachable):
            st.caption("Start one with `make run`, or put another address into the side bar.")
        st.button("Try again", icon=":material/refresh:")
        return
    with st.sidebar:
        choices = sidebar.choices(agents, models)
        sidebar.conversations(client, conversations)

    recording = current(client)
    st.chat_input(
        "Your question", key="question", disabled=recording is not None and recording.running,
        on_submit=ask, args=(client, choices),
    )  # fmt: skip
    left, right = st.columns([3, 2], gap="large") if choices.debugging else (st.container(), None)
    with left.container(key="chat"):
        chat.history(messages, recording)
        if recording is not None:
            chat.turn(client, recording, chat.question(messages, recording))
        elif not messages:
            st.info("Ask something below.", icon=":material/chat:")
    if right is not None:
        with right.container(key="inspector"):
            inspector(client, recording, messages)


def ask(client: Client, choices: sidebar.Choices) -> None:
    """Begin a turn, in a conversation of its own if none is open."""
    conversation_id = st.query_params.get("conversation") or uuid4().hex
    sidebar.show(conversation_id)
    asked: Asked = {**choices.asked, "conversation_id": conversation_id}
    recordings()[conversation_id] = Recording.ask(
        client.config, st.session_state.question, stream=choices.stream, asked=asked
    )


def said(client: Client) -> tuple[Message, ...]:
    """The messages of the conversation that is open; a new one is not known until its first end."""
    try:
        here = st.query_params.get("conversation")
        return client.conversation(here).messages if here else ()
    except NotFound:
        return ()


def recordings() -> dict[str, Recording]:
    """The last turn of each conversation of this page."""
    held: dict[str, Recording] = st.session_state.setdefault("recordings", {})
    return held


def current(client: Client) -> Recording | None:
    """The last turn of the conversation that is open. After a reload of the page its address tells
    which run was going on."""
    for recording in recordings().values():
        recording.look()
    here, run_id = st.query_params.get("conversation", ""), st.query_params.get("run")
    found = recordings().get(here)
    if run_id is not None and (found is None or found.run_id != run_id):
        found = recordings()[here] = Recording.resume(
            client.config, run_id, question=chat.questions().get(run_id)
        )
    if found is not None and not found.running:
        st.query_params.pop("run", None)
    return found


if __name__ == "__main__":
    main()
