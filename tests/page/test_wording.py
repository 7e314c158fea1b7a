"""Each text of the page is a phrase, and each phrase is in all languages."""

import re

import pytest

from app.core.error_codes import REGISTRY
from docs.generate import INTERNAL
from tests.page.wording import (
    LANGUAGES,
    STATIC,
    is_shown,
    is_translated,
    language,
    literals,
    phrases,
    scripts,
)

#: Strings that look like text, by file: names of keys, types and formats, and what no person reads.
NO_TEXT = {
    "attachments.js": {"Files"},
    "boxes.js": {"step", "json"},
    "composer.js": {"Enter"},
    "diagram-frame.js": {"Mermaid drew nothing"},
    "drawer.js": {"Escape"},
    "embedded.js": {"Escape"},
    "inputs.js": {"JSON"},
    "key.js": {"Bearer {}"},
    "language.js": {"English", "Deutsch"},  # as they are called in all languages
    "main.js": {"Escape"},
    "menu.js": {"Escape"},
    "placeholders.js": {"What time is it in Paris?"},  # the demonstration knows English only
    "question.js": {"Enter", "Escape"},
}

PLACE = re.compile(r"\{\w+\}")

#: What stays as it is in each language: code, addresses, names of settings.
TERM = re.compile(r"`[^`]+`|[A-Z]+(?:_[A-Z]+)+|GET /\S*\w")


def test_each_text_of_a_script_is_a_phrase() -> None:
    """A text that people see, or that a screen reader says, is in a `t(…)` or a plural."""
    found = {
        (file, one.line, one.text)
        for file, strings in scripts().items()
        for one in strings
        if is_shown(one) and not is_translated(one) and one.text not in NO_TEXT.get(file, ())
    }
    assert set() == found


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("el('p', {}, 'some words')", True),
        ("el('p', {}, t('some words'))", False),
        ("el('p', { class: 'some words' })", False),
        ("el('button', { 'aria-label': `Save ${name}` })", True),
        ("el('button', { title: full ? 'more' : t('less') })", True),
        ("iconButton('copy', 'copy', click)", True),
        ("setText(place, ok ? t('done') : 'failed')", True),
        ("const LABEL = 'Try again'", True),
        ("return 'It is not there.'", True),
        ("// It's not 'Text'.\nf(/'Not Text'/, x)", False),
        ("f(`${g({ a: 'Some text' })}`)", True),
    ],
)
def test_text_without_a_phrase_is_noticed(script: str, *, shown: bool) -> None:
    """The search for such text finds it wherever it stands, and nothing else."""
    found = [one for one in literals(script) if is_shown(one) and not is_translated(one)]
    assert shown == bool(found)


@pytest.mark.parametrize("code", LANGUAGES)
def test_language_has_each_phrase(code: str) -> None:
    """A language has all phrases and no others, each with the places of the English one, and the
    plurals with all categories of the language."""
    english, plurals = phrases()
    found = language(code)
    assert english == set(found["phrases"])
    for text, given in found["phrases"].items():
        forms = given if isinstance(given, dict) else {"": given}
        assert (set(found["categories"]) if text in plurals else {""}) == set(forms)
        for form in forms.values():
            assert form.strip()
            assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(form)), form


@pytest.mark.parametrize("code", LANGUAGES)
def test_language_has_each_error(code: str) -> None:
    """A language says what each error code means, with the terms of the English sentences."""
    found = language(code)["errors"]
    assert set(REGISTRY) - INTERNAL == set(found)
    for name, meaning in found.items():
        row = REGISTRY[name]
        for part, english in (("summary", row.summary), ("advice", row.advice)):
            assert sorted(TERM.findall(english)) == sorted(TERM.findall(meaning[part])), name


def test_each_file_of_a_language_is_offered() -> None:
    """What a person can choose is English, and each language that has a file."""
    names = {
        one.key
        for one in literals((STATIC / "language.js").read_text(encoding="utf-8"))
        if one.key and not one.call
    }
    assert {"en", *LANGUAGES} <= names
