"""The visual test app, and its tests.

    streamlit run tests/streamlit/test_chat_app.py

chats with a running server, streaming and not, and shows each event, when it came, and the headers
around it. `AGNO_STREAM_URL` and `AGNO_STREAM_API_KEY` say which server, else the side bar does.
Collected by pytest, the same file tests the app against servers of its own.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

# `streamlit run` looks for modules beside the script only.
if (root := str(Path(__file__).resolve().parents[2])) not in sys.path:
    sys.path.insert(0, root)

from agno_stream import AgnoStreamError, Client, Message, NotFound, ServerUnreachable
from tests.streamlit import chat, sidebar, turns
from tests.streamlit.inspector import inspector

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Serve
    from tests.provider import Provider
    from tests.server import Server
    from tests.streamlit.page import OpenPage, Page

if __name__ != "__main__":  # the app needs none of this
    import httpx
    from agno.agent import Agent

    from tests.pauses.kinds import KINDS, PauseKind, calls, refund, shell
    from tests.pauses.parts import go_on
    from tests.provider_replies import Reply
    from tests.showcase import Site, newsroom, press, studio

#: The icon of the window; Streamlit's own icons of windows are files of another server.
ICON = Path(__file__).resolve().parents[2] / "app" / "api" / "static" / "icon.svg"

#: Of the two sides, in pixels; where the style below holds, they fill the window.
HEIGHT = 600

STYLE = """<style>
.stMainBlockContainer { padding-top: 4.5rem; padding-bottom: 0; }
div:has(> .st-key-chat), div:has(> .st-key-inspector), .st-key-chat, .st-key-inspector {
    height: calc(100vh - 13rem) !important;
}
.stAppDeployButton, .st-key-phone { display: none; }
.st-key-conversations button, .st-key-conversations button * { justify-content: flex-start; }
@media (max-width: 640px) {
    .st-key-phone { display: flex; }
    .stColumn:has(.st-key-inspector) { display: none; }
    .stApp:has(.st-key-figures input:checked) {
        .stColumn:has(.st-key-inspector) { display: flex; }
        div:has(> .st-key-chat), .st-key-chat { display: none; }
    }
}
</style>"""


def main() -> None:
    st.set_page_config("agno-stream", str(ICON), layout="wide")
    st.html(STYLE)
    with st.sidebar:
        st.header("agno-stream")
        client = sidebar.connection()
    try:
        agents, models = client.agents(), client.models()
        conversations, messages = client.conversations(), stored_messages(client)
        last = messages[-1].run_id if messages else None
        recording = turns.current(client, last)
        paused = client.runs(status="paused")
        live = recording is not None and recording.running
        if recording is not None and not live:  # it may have ended since they were read
            messages, paused = stored_messages(client), client.runs(status="paused")
    except AgnoStreamError as failure:
        st.error(failure.message, icon=":material/cloud_off:")
        if isinstance(failure, ServerUnreachable):
            st.caption("Start one with `make run`, or put another address into the side bar.")
        st.button("Try again", icon=":material/refresh:")
        return
    with st.sidebar:
        sidebar.choices(agents, models)
        sidebar.conversations(client, conversations, {run.conversation_id for run in paused})

    st.chat_input(
        "Your question", key="question", disabled=live,
        on_submit=turns.ask, args=(client, last),
    )  # fmt: skip
    left, right = st.columns([4, 3]) if st.session_state.debugging else (st.container(), None)
    if right is not None:
        with left.container(key="phone"):  # where the two sides cannot be beside each other
            st.toggle("Figures and events instead of the chat", key="figures")
    with left.container(key="chat", height=HEIGHT, border=False, autoscroll=True):
        shown = recording if live or not (recording and recording.continues) else None
        chat.history(client, messages, shown)
        if shown is not None:
            mine = [one.siblings for one in messages if one.run_id == shown.run_id]
            asked = chat.question(messages, shown)
            chat.turn(client, shown, asked, live, mine[-1] if mine else ())
        elif not messages:
            st.info("Ask something below.", icon=":material/chat:")
        if not live:
            here = st.query_params.get("conversation")
            waits = [run for run in paused if run.conversation_id == here]
            chat.waiting(client, waits, recording, {one.id for one in agents})
    if right is not None:
        with right.container(key="inspector", height=HEIGHT, border=False):
            inspector(client, recording, last, live)


def stored_messages(client: Client) -> tuple[Message, ...]:
    """The messages of the conversation that is open; a new one is not known until its first end."""
    try:
        here = st.query_params.get("conversation")
        return client.conversation(here).messages if here else ()
    except NotFound:
        return ()


ANSWER = "Hello from the provider."


def test_streamed_answer_and_its_events(server: "Server", page: "OpenPage") -> None:
    """A streamed answer is shown, and beside it each event, when it came, and the headers."""
    here = page(server.url).ask("Hello?").answered()
    assert [("user", "Hello?"), ("assistant", ANSWER)] == here.talk
    opening, *tokens, last = here.events
    assert {"conversation": opening["conversation_id"]} == here.params
    assert ["Hello ", "from ", "the ", "provider."] == [token["content"] for token in tokens]
    assert "stop" == last["finish_reason"]
    assert [1, 2, 3, 4, 5, 6] == here.table["id"]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}", at) for at in here.table["time"])
    assert all(delay >= 0 for delay in here.table["+ ms"])
    usage = last["usage"]
    assert f"{usage['input_tokens']} + 4" == here.figures["Usage"]
    assert "6" == here.figures["Events"]
    assert re.fullmatch(r"\d+ ms", here.figures["First token"])
    assert float(here.figures["Tokens/s"]) > 0
    assert 1 == len(here.app.get("vega_lite_chart"))
    sent, received = (code.value for code in here.app.code)
    assert "accept: text/event-stream" in sent
    assert f"x-run-id: {opening['run_id']}" in received


def test_unstreamed_answer_is_one_event(
    server: "Server", page: "OpenPage", provider: "Provider"
) -> None:
    """Without streaming the answer is one event, of one request for JSON."""
    here = page(server.url)
    here.app.toggle(key="stream").set_value(False)
    here.ask("Hello?").answered()
    assert [("user", "Hello?"), ("assistant", ANSWER)] == here.talk
    [answer] = here.events
    assert (ANSWER, "stop") == (answer["content"], answer["finish_reason"])
    assert "content-type: application/json" in here.app.code[1].value
    here.ask("And again?").answered()
    assert ["user", "assistant", "user", "assistant"] == [who for who, _ in here.talk]
    sent = [message["content"] for message in provider.requests[1].body["messages"]]
    assert ["Hello?", ANSWER, "And again?"] == sent[-3:]


def test_selected_model_and_agent_answer(
    serve: "Serve", page: "OpenPage", provider: "Provider"
) -> None:
    """The lists are the server's, and the selected model and agent answer."""
    agents = [Agent(id="ada", name="Ada"), Agent(id="bob", name="Bob")]
    here = page(serve(models="openai:other-model", agents=agents).url)
    assert {"Ada", "Bob"} <= set(here.app.selectbox(key="agent").options)
    here.app.selectbox(key="agent").set_value("bob")
    here.app.selectbox(key="model").set_value("openai:other-model")
    opening = here.ask("Hello?").answered().events[0]
    assert ("bob", "other-model") == (opening["agent"], opening["model"])
    assert "other-model" == provider.requests[0].body["model"]


def test_conversation_list_open_and_delete(server: "Server", page: "OpenPage") -> None:
    """Conversations can be started, reopened and deleted."""
    here = page(server.url).ask("First?").answered()
    first = here.params["conversation"]
    here.click("new")
    assert ([], {}) == (here.talk, here.params)
    second = here.ask("Second?").answered().params["conversation"]
    here.click(f"open-{first}")
    assert [("user", "First?"), ("assistant", ANSWER)] == here.talk
    linked = page(server.url, conversation=second)
    assert [("user", "Second?"), ("assistant", ANSWER)] == linked.talk
    here.click(f"delete-{first}")
    assert ([], {}) == (here.talk, here.params)
    assert f"open-{second}" in here.buttons
    assert f"open-{first}" not in here.buttons


def test_stop_cancels_run(server: "Server", page: "OpenPage", provider: "Provider") -> None:
    """Stop cancels the run; its text is kept, and is in the next run's history."""
    provider.script(Reply("one two three", stall_after=2))
    here = page(server.url).ask("Count!")
    here.until(lambda: here.talk[-1][1].startswith("one two"))
    assert here.app.chat_input[0].disabled
    here.click("stop").answered()
    assert ("assistant", "one two") == here.talk[-1]
    assert ["Stopped."] == [warning.value for warning in here.app.warning]
    assert "cancelled" == here.events[-1]["finish_reason"]
    provider.wait_for(lambda: provider.requests[0].aborted)
    here.ask("Go on?").answered()
    assert ("assistant", ANSWER) == here.talk[-1]
    sent = [message["content"] for message in provider.requests[1].body["messages"]]
    assert ["Count!", "one two ", "Go on?"] == sent[-3:]


def test_stop_unstreamed_answer(server: "Server", page: "OpenPage", provider: "Provider") -> None:
    """Stop ends an answer whose run has no id yet, too."""
    provider.script(Reply("one two three", stall_after=2))
    here = page(server.url)
    here.app.toggle(key="stream").set_value(False)
    here.ask("Count!")
    with httpx.Client(base_url=server.url) as http:
        provider.wait_for(lambda: provider.opened, 30)
        (live,) = http.get("/api/v1/runs").json()["runs"]
        state = f"/api/v1/runs/{live['run_id']}"
        provider.wait_for(lambda: http.get(state).json()["content"] == "one two ")
    here.click("stop").answered()
    provider.wait_for(lambda: provider.requests[0].aborted)
    here.until(lambda: here.talk == [("user", "Count!"), ("assistant", "one two")])
    assert "`disconnected`" in here.app.chat_message[1].caption[0].value


def test_reload_during_answer(server: "Server", page: "OpenPage", provider: "Provider") -> None:
    """A reloaded page shows the whole answer of the one run, which continued meanwhile."""
    text = " ".join(str(number) for number in range(100))
    provider.script(Reply(text, rate=25))
    before = page(server.url).ask("Count!")
    before.until(lambda: "run" in before.params)
    here = page(server.url, **before.params)
    assert not here.ended
    here.answered()
    assert [("user", "Count!"), ("assistant", text)] == here.talk
    assert list(range(1, 103)) == here.table["id"]
    assert "run" not in here.params
    assert any("/events?after=0` 200" in one.label for one in here.app.expander)
    assert 1 == provider.opened


def test_replay_run_after_event(server: "Server", page: "OpenPage") -> None:
    """The events of a run can be replayed after any of them."""
    here = page(server.url).ask("Hello?").answered()
    here.app.number_input(key="after").set_value(3)
    next(button for button in here.app.button if button.label == "Resume").click().run()
    here.answered()
    assert [4, 5, 6] == here.table["id"]
    assert [("user", "Hello?"), ("assistant", "the provider.")] == here.talk


def test_failed_answer_keeps_text(server: "Server", page: "OpenPage", provider: "Provider") -> None:
    """A failed answer keeps its text and its error, also when it is opened later."""
    provider.script(Reply("one two three", cut_after=2))
    here = page(server.url).ask("Count!").answered()
    assert ("assistant", "one two") == here.talk[-1]
    assert "(`upstream_cut`)" in here.app.error[0].value
    later = page(server.url, **here.params)
    assert ("assistant", "one two") == later.talk[-1]
    assert "`upstream_cut`" in later.app.chat_message[1].caption[0].value


def test_reasoning_is_shown_apart(server: "Server", page: "OpenPage", provider: "Provider") -> None:
    """Reasoning is shown apart from the answer, and counts as tokens."""
    provider.script(Reply("so", reasoning="well then"))
    here = page(server.url).ask("Why?").answered()
    assert ["well then", "so"] == [one.value for one in here.app.chat_message[1].markdown]
    assert here.figures["Usage"].endswith(" + 3")


def test_answer_again_and_its_versions(
    server: "Server", page: "OpenPage", provider: "Provider"
) -> None:
    """A turn is answered again in its place, at once and later; its versions can be gone through,
    on every page."""
    provider.script(Reply("First."), Reply("Second."), Reply("Third."))
    here = page(server.url).ask("Hello?").answered()
    conversation = here.params["conversation"]
    for text, count in (("Second.", "2/2"), ("Third.", "3/3")):
        [again] = [key for key in here.buttons if key and key.startswith("again-")]
        here.click(again).answered()
        assert [("user", "Hello?"), ("assistant", count)] == here.talk
        assert [text, count] == here.parts(1)
    later = page(server.url, conversation=conversation)
    assert ["Third.", "3/3"] == later.parts(1)
    [back] = [key for key in here.buttons if key and key.startswith("chevron_left-")]
    here.click(back)
    assert ["Second.", "2/3"] == here.parts(1)
    assert ["Second.", "2/3"] == page(server.url, conversation=conversation).parts(1)
    here.ask("And then?").answered()
    assert ["user", "assistant", "user", "assistant"] == [who for who, _ in here.talk]


#: Of each application: texts, labels of folded parts, other things, in order in the bubble.
BUBBLES = {
    "newsroom": [
        "I ask the scout.",
        "`delegate_task_to_member` · scout, How is the weather in Oslo? · done",
        ":material/person: **Scout** :gray[member]",
        "Let me look.",
        "`weather` · Oslo · done",
        "It is **sunny** in Oslo.",
        "Now the poet.",
        "`delegate_task_to_member` · poet, Write a verse on sun · done",
        ":material/person: **Poet** :gray[member]",
        "Reasoning",
        "Something short.",
        "Sun on the fjord,\nlight.",
        "Oslo is sunny, and there is a verse for it.",
    ],
    "press": [
        ":material/check: **Draft** :gray[done]",
        "A draft on whales.",
        ":material/check: **Rounds** :gray[loop] :gray[done]",
        ":material/check: **Round 1** :gray[done]",
        ":material/check: **Polish** :gray[done]",
        "Polished once.",
        ":material/check: **Round 2** :gray[done]",
        ":material/check: **Polish** :gray[done]",
        "Polished twice.",
        ":material/check: **Sides** :gray[parallel] :gray[done]",
        ":material/check: **Left** :gray[done]",
        "Left says so.",
        ":material/check: **Right** :gray[done]",
        "Right says so.",
        ":material/check: **Final** :gray[done]",
        "# Whales\n\nThe final text.",
    ],
    "studio": [
        "Reasoning",
        "They want a picture.",
        "First a sketch.",
        "`sketch` · a cat · done",
        ":material/timeline: `Progress` Sketching a cat: 60 %",
        "`draw` · a cat · done",
        "table.csv",
        "Then the weather.",
        "`weather` · Atlantis · failed",
        "Here is the cat; the city is lost.",
    ],
}


def test_answer_is_one_bubble_in_order(
    serve: "Serve", page: "OpenPage", provider: "Provider"
) -> None:
    """All parts of an answer are in one bubble, in the order in which they came; after a rerun,
    and in the list of conversations, too."""
    site = Site(provider)
    url = serve(agents=[newsroom(site), press(site), studio(site)]).url
    for agent, expected in BUBBLES.items():
        here = page(url)
        here.app.selectbox(key="agent").set_value(agent)
        here.ask("What is new?").answered()
        later = page(url, conversation=here.params["conversation"])
        for shown in (here, here.until(lambda: True), later):
            assert 2 == len(shown.app.chat_message)
            parts = shown.parts(1)
            if agent == "press":  # its two steps are beside each other
                assert sorted(expected) == sorted(parts)
            else:
                assert expected == parts


#: Kinds of pauses, and what a person does in the form: the widget, the start of its key, the value.
DECIDED: dict[str, list[tuple[str, str, Any]]] = {
    "approval": [],
    "input": [("text_input", "field", "Bergen")],
    "feedback": [("radio", "answer", "Rome")],
    "external": [("text_area", "result", "it ran elsewhere")],
    "member": [],
    "step-review": [("text_area", "output", "An edited draft.")],
    "router": [("radio", "answer", "right")],
}  # fmt: skip


def fill(here: "Page", widget: str, key: str, value: Any) -> None:
    """Fill in the last widget of the form whose key begins so."""
    widgets: Any = here.app.get(widget)
    found = [one for one in widgets if (one.key or "").startswith(f"{key}-")]
    found[-1].set_value(value).run()


def send(here: "Page") -> None:
    [key] = [key for key in here.buttons if key and key.startswith("decide-")]
    here.click(key).until(lambda: here.ended and not waits(here))


def waits(here: "Page") -> bool:
    return any(key and key.startswith("decide-") for key in here.buttons)


def until_it_waits(here: "Page") -> "Page":
    return here.until(lambda: waits(here))


def test_form_of_a_paused_run_continues_it(
    serve: "Serve", page: "OpenPage", provider: "Provider"
) -> None:
    """A run that waits shows a form, after a reload, too; what a person decides reaches the run,
    and its answer is the rest of the turn."""
    kinds = [kind for kind in KINDS if kind.name in DECIDED]
    url = serve(agents=[kind.component(provider) for kind in kinds]).url
    for kind in kinds:
        provider.script(*kind.before, *kind.after)
        first = page(url)
        first.app.selectbox(key="agent").set_value(kind.name)
        first.ask("Please.").answered()
        here = page(url, **first.params)
        until_it_waits(first)
        until_it_waits(here)
        for widget, key, value in DECIDED[kind.name]:
            fill(here, widget, key, value)
        send(here)
        assert ["user", "assistant"] == [who for who, _ in here.talk]
        assert kind.answer in here.parts(1)
        if kind.after:
            assert kind.seen in str(provider.requests[-1].body)


def test_denial_and_a_result_at_once(
    serve: "Serve", page: "OpenPage", provider: "Provider"
) -> None:
    """Of several requirements each is decided, one with a reason, before anything can be sent."""
    kind = PauseKind(
        "two", lambda model: Agent(model=model(), tools=[refund, shell]), [], {}, lambda _: {}
    )
    url = serve(agents=[kind.component(provider)]).url
    both = [*calls("refund").tool_calls, *calls("shell").tool_calls]
    provider.script(Reply("", tool_calls=both), Reply("It is done."))
    here = page(url).ask("Please.")
    until_it_waits(here)
    fill(here, "radio", "verdict", "Answer")
    fill(here, "text_area", "result", "it ran elsewhere")
    [button] = [one for one in here.app.button if (one.key or "").startswith("decide-")]
    assert button.disabled
    here.app.radio[0].set_value("Deny").run()
    fill(here, "text_input", "note", "Not in December.")
    send(here)
    assert "It is done." in here.parts(1)
    assert "Not in December." in str(provider.requests[-1].body)
    assert "it ran elsewhere" in str(provider.requests[-1].body)


def test_denial_by_a_button(serve: "Serve", page: "OpenPage", provider: "Provider") -> None:
    """A single approval is denied by a button, which opens a reason first."""
    kind = KINDS[0]
    provider.script(*kind.before, *kind.after)
    here = page(serve(agents=[kind.component(provider)]).url).ask("Please.")
    until_it_waits(here)
    [deny] = [key for key in here.buttons if key and key.startswith("other-")]
    here.click(deny)
    assert 1 == len(provider.requests)
    fill(here, "text_input", "note", "Not in December.")
    send(here)
    assert "Not in December." in str(provider.requests[-1].body)


def test_decision_elsewhere_is_told(serve: "Serve", page: "OpenPage", provider: "Provider") -> None:
    """Where somebody else has decided, the app says so and shows how the answer went on."""
    kind = KINDS[0]
    server = serve(agents=[kind.component(provider)])
    provider.script(*kind.before, *kind.after)
    here = page(server.url).ask("Please.")
    until_it_waits(here)
    [run] = httpx.get(f"{server.url}/api/v1/runs?status=paused").json()["runs"]
    made = [{"id": one["id"], "confirmed": True} for one in run["requirements"]]
    go_on(server.url, run["run_id"], made)
    send(here)
    assert ["This was decided elsewhere."] == [one.value for one in here.app.info]
    assert "It is done." in here.parts(1)


def test_unreachable_server_is_reported(page: "OpenPage") -> None:
    """An unreachable server is reported in a sentence."""
    here = page("http://127.0.0.1:1")
    assert not here.app.exception
    assert ["No server answers at http://127.0.0.1:1."] == [e.value for e in here.app.error]


def test_other_server_url_gets_no_key(
    server: "Server", page: "OpenPage", monkeypatch: "pytest.MonkeyPatch"
) -> None:
    """A URL in the side bar is used without the key of the environment."""
    monkeypatch.setenv("AGNO_STREAM_API_KEY", "secret")
    here = page("http://127.0.0.1:1")
    here.app.text_input(key="url").set_value(server.url).run()
    assert "authorization" not in here.ask("Hello?").answered().app.code[0].value
    here.app.text_input(key="api_key").set_value("typed").run()
    assert "authorization: Bearer …" in here.ask("Hello?").answered().app.code[0].value


if __name__ == "__main__":
    main()
