"""The chat: stored messages, and the answer that is streaming."""

from collections.abc import Callable, Container, Iterable
from functools import partial
from itertools import groupby

import streamlit as st

from agno_stream import AgnoStreamError, Client, Message, Part
from agno_stream.infos import RunInfo
from tests.streamlit import answers, branches, decisions, turns
from tests.streamlit.recording import Recording

#: Seconds between two drawings of an answer that is streaming.
GLANCE = 0.1
STOPPED = frozenset({"cancelled", "disconnected"})


def history(client: Client, messages: Iterable[Message], recording: Recording | None) -> None:
    """The stored messages of the conversation, without the turn that is drawn from its events. All
    messages of an answer are one bubble."""
    here = recording and recording.run_id
    if recording is not None and recording.order.replaces:
        messages = branches.without(messages, recording.order.replaces)
    shown = [one for one in messages if here is None or one.run_id != here]
    last = shown[-1] if shown and recording is None else None
    asked = ""
    for (role, run_id), group in groupby(shown, key=lambda one: (one.role, one.run_id)):
        with st.chat_message(role):
            if role == "user":
                asked = "\n\n".join(one.content for one in group)
                st.markdown(asked)
                continue
            stored = list(group)
            parts = [part for one in stored for part in one.parts or plain(one)]
            answers.show(client, parts, run_id or "")
            end = stored[-1]
            if end.truncated:
                st.caption("This answer had more in it than is kept.")
            if end.finish_reason not in (None, "stop"):
                st.caption(f":material/info: ended as `{end.finish_reason}`")
            settled = end.finish_reason != "paused" and not (recording and recording.running)
            if run_id and settled:
                branches.row(client, run_id, asked, end.siblings)
            if end is last:
                answers.followups(end.followups, run_id or "", ask_again(client, run_id))


def plain(message: Message) -> list[Part]:
    """The parts of a message that has none: its text."""
    return [Part(type="content", content=message.content)] if message.content else []


def ask_again(client: Client, before: str | None) -> Callable[[str], None]:
    """What sends a suggested question, after run `before`."""
    return lambda text: turns.ask(client, before, text)


def question(messages: Iterable[Message], recording: Recording) -> str | None:
    """The question of a recording, or None if unknown."""
    known = (m.content for m in messages if m.role == "user" and m.run_id == recording.run_id)
    return recording.question or next(known, None)


def turn(
    client: Client,
    recording: Recording,
    question: str | None,
    live: bool,
    siblings: tuple[str, ...] = (),
) -> None:
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
            _answer(client, recording, running=running)
            if running:
                turns.going_on(recording)
                st.button(
                    "Stop", icon=":material/stop_circle:", key="stop", on_click=_stop,
                    args=(client, recording),
                )  # fmt: skip
                return
            if recording.run_id is not None and not recording.answer.requirements:
                branches.row(client, recording.run_id, question or "", siblings)
            if recording.answer.followups:
                texts = recording.answer.followups
                ask = ask_again(client, recording.run_id)
                answers.followups(texts, recording.run_id or "", ask)
        if live:
            st.rerun()

    drawn()


def waiting(
    client: Client, runs: Iterable[RunInfo], recording: Recording | None, agents: Container[str]
) -> None:
    """What the paused runs of the conversation wait for; and why the decisions that `recording`
    sent were not accepted, if so. `agents` are those that the server has."""
    failure = recording.answer.failure if recording and recording.order.continues else None
    known = {run.run_id: run for run in runs}
    if failure is not None and recording is not None and recording.run_id is None:
        if recording.order.continues not in known:
            st.info("This was decided elsewhere.", icon=":material/info:")
        else:
            st.error(f"{failure.message} (`{failure.code}`)", icon=":material/error:")
    for run_id, run in known.items():
        if run.agent and run.agent not in agents:
            decisions.missing(run.agent, run.requirements or ())
        else:
            decide = partial(turns.decide, client, run_id)
            decisions.form(run_id, run.requirements or (), decide)


def _stop(client: Client, recording: Recording) -> None:
    """Cancel the run; an unstreamed answer has no run id yet, and is disconnected instead."""
    try:
        if recording.run_id is not None:
            client.cancel(recording.run_id)
            return
    except AgnoStreamError as failure:
        st.toast(failure.message)
    recording.leave()


def _answer(client: Client, recording: Recording, *, running: bool) -> None:
    answer = recording.answer
    answers.show(client, answer.parts, recording.run_id or "", running=running)
    if any(event.chunk.recovered for event in recording.events[:]):
        st.caption(":material/info: The server was lost, and another one goes on.")
    if answer.finish_reason in STOPPED or (recording.stopped and not answer.done):
        st.warning("Stopped.", icon=":material/stop_circle:")
    elif not (running or answer.done):
        st.error("What reads this answer has died; the terminal says why.", icon=":material/error:")
    elif answer.failure is not None:
        st.error(f"{answer.failure.message} (`{answer.failure.code}`)", icon=":material/error:")
    elif answer.finish_reason not in (None, "stop"):
        st.caption(f":material/info: ended as `{answer.finish_reason}`")
