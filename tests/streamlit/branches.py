"""What can be done with a stored turn: answer it again, and go from one version to the next."""

from collections.abc import Iterable

import streamlit as st

from agno_stream import AgnoStreamError, Client, Message
from tests.streamlit import turns


def without(messages: Iterable[Message], run_id: str) -> list[Message]:
    """The messages before the turn of a run, in whose place another one will stand."""
    found = list(messages)
    place = next((n for n, one in enumerate(found) if one.run_id == run_id), len(found))
    return found[:place]


def row(client: Client, run_id: str, question: str, siblings: tuple[str, ...]) -> None:
    """The buttons below the answer of a turn: `siblings` are the runs of all its versions."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Answer again", icon=":material/refresh:", key=f"again-{run_id}", type="tertiary",
            on_click=turns.again, args=(client, run_id, question),
        )  # fmt: skip
        if run_id not in siblings or len(siblings) < 2:
            return
        place = siblings.index(run_id)
        for label, icon, other in (
            ("Previous version", "chevron_left", place - 1),
            ("Next version", "chevron_right", place + 1),
        ):
            if icon == "chevron_right":
                st.markdown(f"{place + 1}/{len(siblings)}")
            known = 0 <= other < len(siblings)
            st.button(
                "", icon=f":material/{icon}:", key=f"{icon}-{run_id}", type="tertiary", help=label,
                disabled=not known, on_click=_select,
                args=(client, siblings[other] if known else run_id),
            )  # fmt: skip


def _select(client: Client, run_id: str) -> None:
    """Show the branch with another version of a turn."""
    conversation_id = st.query_params.get("conversation", "")
    try:
        client.select_branch(conversation_id, run_id)
    except AgnoStreamError as failure:
        st.toast(failure.message)
        return
    turns.recordings().pop(conversation_id, None)  # it may be of another branch
