"""What a paused run waits for, as a form with one group for each requirement; if it is one, and a
yes or a no decides it, these are the buttons."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from agno_stream.decisions import Decision

Requirement = Mapping[str, Any]

#: The labels of a yes and a no.
WORDS = {
    "approval": ("Approve", "Deny"),
    "step_review": ("Accept", "Reject"),
    "step_error": ("Try again", "Do not try again"),
}
#: Widgets of numbers and truths give values of their own types; any other field is text, or JSON.
WHOLE, NUMBERS = {"int", "integer"}, {"float", "number"}
TRUTHS, JSON_TYPES = {"bool", "boolean"}, {"list", "array", "dict", "object"}


def form(
    run_id: str,
    requirements: Sequence[Requirement],
    send: Callable[[list[Decision]], None],
) -> None:
    """Draw the form. `send` is called with one decision for each requirement."""
    with st.container(border=True):
        st.markdown(":material/pan_tool: **This answer waits for your decision**")
        if len(requirements) == 1 and requirements[0]["kind"] in WORDS:
            _buttons(run_id, requirements[0], send)
            return
        made = [_group(one, f"{run_id}-{one['id']}") for one in requirements]
        ready = [one for one in made if one is not None]
        st.button(
            "Send", key=f"decide-{run_id}", type="primary", disabled=len(ready) < len(made),
            on_click=send, args=(ready,),
        )  # fmt: skip


def missing(agent: str, requirements: Sequence[Requirement]) -> None:
    """Draw what a run waits for whose agent the server does not have any more."""
    with st.container(border=True):
        for one in requirements:
            _describe(one)
        st.warning(
            f"This server has no agent “{agent}” any more. Nothing can be decided here until the "
            "server has that agent again.",
        )


def _buttons(run_id: str, one: Requirement, send: Callable[[list[Decision]], None]) -> None:
    """Draw a requirement with a button for the yes and one for the no, which asks for a reason."""
    _describe(one)
    key, made = f"{run_id}-{one['id']}", Decision(id=one["id"])
    yes, no = WORDS[one["kind"]]
    denied = f"denied-{key}"
    if st.session_state.get(denied):
        _denied(made, key)
        yes, no = no, "Back"
    else:
        _accepted(one, made, key)
    with st.container(horizontal=True):
        st.button(
            yes, key=f"decide-{run_id}", type="primary", on_click=send, args=([made],)
        )  # fmt: skip
        st.button(no, key=f"other-{run_id}", on_click=_toggle, args=(denied,))


def _toggle(key: str) -> None:
    st.session_state[key] = not st.session_state.get(key)


def _denied(made: Decision, key: str) -> Decision:
    made["confirmed"] = False
    if note := st.text_input("Reason, for the model (optional)", key=f"note-{key}").strip():
        made["note"] = note
    return made


def _accepted(one: Requirement, made: Decision, key: str) -> Decision:
    made["confirmed"] = True
    if one["kind"] == "step_review":
        output = one.get("output", "")
        text = st.text_area("Output, which may be edited", output, key=f"output-{key}")
        if text != output:
            made["result"] = text
    return made


def _group(one: Requirement, key: str) -> Decision | None:
    """Draw one requirement; return the decision on it, or None if it is not complete."""
    _describe(one)
    kind, made = one["kind"], Decision(id=one["id"])
    yes, no = WORDS.get(kind, ("Answer", "Refuse"))
    if kind in WORDS or one.get("tool"):
        default = None if kind in WORDS else 0
        verdict = st.radio(
            "Decision", [yes, no], default, key=f"verdict-{key}", horizontal=True,
            label_visibility="collapsed",
        )  # fmt: skip
        if verdict is None:
            return None
        if verdict == no:
            return _denied(made, key)
    if kind in WORDS:
        return _accepted(one, made, key)
    return _answered(one, made, key)


def _answered(one: Requirement, made: Decision, key: str) -> Decision | None:
    if one["kind"] == "external":
        made["result"] = st.text_area("Result", key=f"result-{key}")
        return made if made["result"] else None
    if one["kind"] == "input":
        fields = one.get("fields") or ()
        values = {field["name"]: _value(field, f"field-{key}-{field['name']}") for field in fields}
        made["values"] = {name: value for name, value in values.items() if value is not None}
        needed = {field["name"] for field in fields if field.get("required", True)}
        return made if needed <= made["values"].keys() else None
    questions = one.get("questions") or ()
    made["answers"] = {
        asked["question"]: _chosen(asked, f"answer-{key}-{number}")
        for number, asked in enumerate(questions)
    }
    return made if all(made["answers"].values()) else None


def _chosen(asked: Requirement, key: str) -> list[str]:
    options = asked["options"]
    labels = [option["label"] for option in options]
    captions = [option.get("description") or "" for option in options]
    if asked.get("multiple"):
        st.markdown(asked["question"])
        return [
            label
            for number, label in enumerate(labels)
            if st.checkbox(label, key=f"{key}-{number}", help=captions[number] or None)
        ]
    found = st.radio(asked["question"], labels, None, captions=captions, key=key)
    return [] if found is None else [found]


def _value(field: Requirement, key: str) -> Any:
    """The value of a field, None if it is empty."""
    name, kind, value = field["name"], field.get("type", "str"), field.get("value")
    label = name if field.get("required", True) else f"{name} (optional)"
    about = field.get("description")
    choices = [True, False] if kind in TRUTHS else field.get("allowed")
    if choices:
        index = choices.index(value) if value in choices else None
        return st.selectbox(label, choices, index, key=key, help=about, format_func=_choice)
    if kind in WHOLE:
        return st.number_input(label, value=value, step=1, key=key, help=about)
    if kind in NUMBERS:
        given = None if value is None else float(value)
        return st.number_input(label, value=given, key=key, help=about)
    if kind in JSON_TYPES:
        text = st.text_area(label, "" if value is None else json.dumps(value), key=key, help=about)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            st.caption(f"{name}: this is not JSON.")
            return None
    return st.text_input(label, str(value or ""), key=key, help=about).strip() or None


def _choice(value: Any) -> str:
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else str(value)


def _describe(one: Requirement) -> None:
    tool, note = one.get("tool"), one.get("note")
    who = one.get("member") or one.get("step")
    what = {
        "approval": f"May `{tool['name']}` run?" if tool else f"May “{who}” run?",
        "input": "Values are needed from you",
        "external": f"What is the result of `{tool['name']}`?" if tool else "",
        "step_review": f"Is the output of “{who}” good?",
        "step_error": f"The step “{who}” failed. Shall it be tried again?",
        "choice": f"Which way does “{who}” go?",
    }.get(one["kind"], "A question for you")
    st.markdown(f"**{what}**" + (f" :gray[for {who}]" if who and tool else ""))
    if note:
        st.markdown(note)
    if tool and tool.get("arguments") and one["kind"] in ("approval", "external"):
        st.json(tool["arguments"])
