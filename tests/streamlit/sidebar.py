"""The side bar: the server, the agent and model, and the conversations."""

from collections.abc import Collection, Sequence

import streamlit as st

from agno_stream import (
    AgentInfo,
    AgnoStreamError,
    Client,
    Config,
    Conversation,
    ModelInfo,
    NotFound,
)


def connection() -> Client:
    """The client of the server at the URL in the side bar."""
    known = Config.from_defaults()
    with st.expander("Server", icon=":material/dns:", expanded=True):
        url = st.text_input("Address", known.url, key="url").strip() or known.url
        typed = st.text_input(
            "API key", type="password", key="api_key",
            placeholder="from AGNO_STREAM_API_KEY" if known.api_key else "none",
        )  # fmt: skip
    # The key of the environment goes to the server of the environment and to no other.
    key = typed or (known.api_key if url == known.url else None)
    held: Client | None = st.session_state.get("client")
    if held is None or (held.config.url, held.config.api_key) != (url, key):
        if held is not None:
            held.close()
        held = st.session_state.client = Client(Config(url=url, api_key=key))
    return held


def choices(agents: Sequence[AgentInfo], models: Sequence[ModelInfo]) -> None:
    """Choose `agent`, `model`, `stream` and `debugging` of the session."""
    names = {agent.id: agent.name or agent.id for agent in agents}
    agent = st.selectbox(
        "Agent", list(names), _default(agents), format_func=lambda one: names[one], key="agent"
    )
    by_agent = next((one.model for one in agents if one.id == agent), "")
    st.selectbox(
        "Model", ["", *(one.spec or one.id for one in models)], key="model",
        format_func=lambda one: one or f"the agent's: {by_agent}",
    )  # fmt: skip
    st.toggle("Stream", value=True, key="stream")
    st.toggle("Debugging", value=True, key="debugging")


def _default(agents: Sequence[AgentInfo]) -> int:
    return next((place for place, agent in enumerate(agents) if agent.default), 0)


def conversations(
    client: Client, known: Sequence[Conversation], waiting: Collection[str] = ()
) -> None:
    """The stored conversations, to open and delete, and a button for a new one. `waiting` are the
    ids of those that wait for a person."""
    st.button(
        "New conversation", icon=":material/add:", key="new", on_click=show, width="stretch",
    )  # fmt: skip
    here = st.query_params.get("conversation")
    with st.container(key="conversations", gap=None):
        for one in known:
            _row(client, one, waiting, open_=one.conversation_id == here)


def _row(client: Client, one: Conversation, waiting: Collection[str], *, open_: bool) -> None:
    waits = one.conversation_id in waiting
    title, bin_ = st.columns([6, 1], gap=None, vertical_alignment="center")
    title.button(
        _short(one.title) or "Untitled", key=f"open-{one.conversation_id}", on_click=show,
        args=(one.conversation_id,), width="stretch", type="secondary" if open_ else "tertiary",
        icon=":material/pan_tool:" if waits else None, help="Waits for you" if waits else None,
    )  # fmt: skip
    bin_.button(
        "", icon=":material/delete:", key=f"delete-{one.conversation_id}", type="tertiary",
        help="Delete this conversation", on_click=_delete, args=(client, one.conversation_id),
    )  # fmt: skip


def show(conversation_id: str | None = None) -> None:
    """Go to a conversation, or to a new one."""
    st.query_params.clear()
    if conversation_id is not None:
        st.query_params["conversation"] = conversation_id


def _delete(client: Client, conversation_id: str) -> None:
    try:
        client.delete_conversation(conversation_id)
    except NotFound:
        pass  # somebody else was faster
    except AgnoStreamError as failure:
        st.toast(failure.message)
        return
    if st.query_params.get("conversation") == conversation_id:
        show()


def _short(title: str) -> str:
    line = " ".join(title.split())
    return f"{line[:27]}…" if len(line) > 28 else line
