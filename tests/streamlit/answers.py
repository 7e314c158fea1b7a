"""One answer: its parts in their order, in one bubble."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from agno_stream import AgnoStreamError, Citation, Client, Media, Part, Step
from tests.streamlit.nodes import Node, tree

CURSOR = " ▌"
STATES = {"started": "running …", "running": "running …", "completed": "done"}
ICONS = {"completed": ":material/check:", "failed": ":material/close:"}


def show(client: Client, parts: Iterable[Part], run_id: str, *, running: bool = False) -> None:
    """Draw the parts of an answer; while it is `running`, with a cursor at its end."""
    nodes = tree(parts)
    if running and (not nodes or nodes[-1].type != "content"):
        nodes.append(Node("content", ""))
    for number, node in enumerate(nodes):
        cursor = CURSOR if running and number == len(nodes) - 1 else ""
        _draw(client, node, f"{run_id}-{number}", cursor)


def followups(texts: Sequence[str], run_id: str, ask: Callable[[str], None]) -> None:
    """Draw suggested questions as buttons."""
    for number, text in enumerate(texts):
        key = f"followup-{run_id}-{number}"
        st.button(text, icon=":material/reply:", key=key, on_click=ask, args=(text,))


def _draw(client: Client, node: Node, key: str, cursor: str = "") -> None:
    value = node.value
    match node.type:
        case "content":
            st.markdown(value + cursor)
        case "reasoning":
            with st.expander("Reasoning", icon=":material/psychology:"):
                st.markdown(value)
        case "tool":
            _tool(value)
        case "speaker" | "step":
            _box(client, node, key)
        case "media":
            for number, item in enumerate(value):
                _media(client, item, f"{key}-{number}")
        case "event":
            st.caption(f":material/timeline: `{value['name']}` {_sentence(value.get('data', {}))}")
        case "citations":
            st.markdown("\n".join(map(_source, range(1, len(value) + 1), value)))
        case _:
            with st.expander(f"`{node.type}`", icon=":material/data_object:"):
                st.json(value)


def _box(client: Client, node: Node, key: str) -> None:
    title = _step(node.value) if node.type == "step" else _speaker(node.value)
    if not node.inside:
        st.markdown(title)
        return
    with st.container(border=True):
        st.markdown(title)
        for number, inner in enumerate(node.inside):
            _draw(client, inner, f"{key}-{number}")


def _speaker(speaker: Mapping[str, Any]) -> str:
    return f":material/person: **{speaker['name']}** :gray[{speaker['kind']}]"


def _step(step: Step) -> str:
    name = f"Round {step['iteration']}" if "iteration" in step else step["name"]
    icon = ICONS.get(step["status"], ":material/pending:")
    kind = "" if step["kind"] in ("step", "iteration") else f" :gray[{step['kind']}]"
    state = STATES.get(step["status"], step["status"])
    message = f"\n\n{step['message']}" if "message" in step else ""
    return f"{icon} **{name}**{kind} :gray[{state}]{message}"


def _tool(tool: Mapping[str, Any]) -> None:
    arguments = ", ".join(str(value) for value in (tool.get("arguments") or {}).values())
    state = STATES.get(tool["status"], tool["status"])
    label = " · ".join(filter(None, (f"`{tool['name']}`", " ".join(arguments.split())[:60], state)))
    with st.expander(label, icon=":material/build:"):
        st.json(tool)


def _sentence(data: Mapping[str, Any]) -> str:
    for name in ("message", "content", "text", "status"):
        if isinstance(data.get(name), str):
            return str(data[name])
    return json.dumps(data, ensure_ascii=False) if data else ""


def _source(number: int, source: Citation) -> str:
    url, query = source.get("url", ""), source.get("query", "")
    name = source.get("title") or url or query or "Source"
    text = source.get("text", "")
    link = f"[{name}]({url})" if url.startswith(("http://", "https://")) else name
    return f"{number}. {link}" + (f": {text}" if text else "")


def _media(client: Client, item: Media, key: str) -> None:
    name = item.get("name") or item["kind"]
    if not item["url"].startswith("/"):
        st.markdown(f":material/link: [{name}]({item['url']})")
        return
    try:
        data = _bytes(client, client.config.url, item)
    except AgnoStreamError as failure:
        st.caption(f"{name}: {failure.message}")
        return
    mime, kind = item["mime_type"], item["kind"]
    if kind == "image":
        try:
            st.image(data, caption=item.get("name"))
            return
        except OSError:
            st.caption(f"{name} cannot be shown.")
    elif kind == "audio":
        st.audio(data, format=mime)
        return
    elif kind == "video":
        st.video(data, format=mime)
        return
    st.download_button(name, data, name, mime, key=f"file-{key}", icon=":material/download:")


@st.cache_data(max_entries=64, show_spinner=False)
def _bytes(_client: Client, server: str, item: Media) -> bytes:
    """The bytes of an item of `server`, which is a part of the key of the cache."""
    return _client.download(item)
