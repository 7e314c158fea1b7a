"""The chat: stored messages, and the answer that is streaming."""

from collections.abc import Iterable

import streamlit as st

from agno_stream import AgnoStreamError, Client, Message, ModelResponse, ToolCall
from tests.streamlit import turns
from tests.streamlit.recording import Recording

#: Seconds between two drawings of an answer that is streaming.
GLANCE = 0.1
CURSOR = " ▌"
STOPPED = frozenset({"cancelled", "disconnected"})


def history(messages: Iterable[Message], recording: Recording | None) -> None:
    """The stored messages of the conversation, without the turn that is drawn from its events."""
    here = recording and recording.run_id
    for message in messages:
        if here is None or message.run_id != here:
            with st.chat_message(message.role):
                st.markdown(message.content)
                if message.finish_reason not in (None, "stop"):
                    st.caption(f":material/info: ended as `{message.finish_reason}`")


def question(messages: Iterable[Message], recording: Recording) -> str | None:
    """The question of a recording, or None if unknown."""
    known = (m.content for m in messages if m.role == "user" and m.run_id == recording.run_id)
    return recording.question or next(known, None)


def turn(client: Client, recording: Recording, question: str | None, live: bool) -> None:
    """The question and its answer, redrawn regularly while it is `live`; then the whole page is
    redrawn."""
    if question is not None:
        with st.chat_message("user"):
            st.markdown(question)

    @st.fragment(run_every=GLANCE if live else None)
    def drawn() -> None:
        recording.look()
        running = recording.running
        with st.chat_message("assistant"):
            _answer(recording.answer, running=running, stopped=recording.stopped)
            if running:
                turns.going_on(recording)
                st.button(
                    "Stop", icon=":material/stop_circle:", key="stop", on_click=_stop,
                    args=(client, recording),
                )  # fmt: skip
        if live and not running:
            st.rerun()

    drawn()


def _stop(client: Client, recording: Recording) -> None:
    """Cancel the run; an unstreamed answer has no run id yet, and is disconnected instead."""
    try:
        if recording.run_id is not None:
            client.cancel(recording.run_id)
            return
    except AgnoStreamError as failure:
        st.toast(failure.message)
    recording.leave()


def _answer(answer: ModelResponse, *, running: bool, stopped: bool) -> None:
    if answer.reasoning:
        with st.expander("Reasoning", icon=":material/psychology:", expanded=running):
            st.markdown(answer.reasoning)
    for tool in answer.tools:
        _tool(tool)
    if running:
        st.markdown(answer.text + CURSOR)
    elif answer.text:
        st.markdown(answer.text)
    if answer.finish_reason in STOPPED or (stopped and not answer.done):
        st.warning("Stopped.", icon=":material/stop_circle:")
    elif not (running or answer.done):
        st.error("What reads this answer has died; the terminal says why.", icon=":material/error:")
    elif answer.failure is not None:
        st.error(f"{answer.failure.message} (`{answer.failure.code}`)", icon=":material/error:")
    elif answer.finish_reason not in (None, "stop"):
        st.caption(f":material/info: ended as `{answer.finish_reason}`")


def _tool(tool: ToolCall) -> None:
    label = f"`{tool.get('name')}` {tool.get('status')}"
    with st.expander(label, icon=":material/build:"):
        st.json(tool)
