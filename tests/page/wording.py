"""The text that the chat page shows, found in its sources: what is translated, and what is not."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

STATIC = Path(__file__).parents[2] / "app" / "api" / "static"

#: The attributes of an element that people see or hear.
SHOWN = frozenset({"aria-label", "title", "placeholder", "alt", "label"})

#: Where a division cannot stand, so that a slash begins a pattern.
BEFORE_PATTERN = frozenset("(,=:[!&|?{};+\n")

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/            # comments
    |'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"
    |[\w$.#?-]+|\s+|.""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Literal:
    """A string of a script. `call` is the function of which it is an argument, `argument` the
    number of that, `key` the name of the field whose value it is."""

    text: str
    line: int
    call: str = ""
    argument: int = 0
    key: str = ""


@dataclass
class _Frame:
    call: str = ""
    argument: int = 0
    key: str = ""


def literals(source: str) -> Iterator[Literal]:
    """All strings of a script; what a template computes is `{}` in its text."""
    return iter(_Scanner(source).found)


class _Scanner:
    """Reads a script once, with a frame for each bracket that is open."""

    def __init__(self, source: str) -> None:
        self.found: list[Literal] = []
        self._source = source
        self._frames = [_Frame()]
        self._last = ("", "")  # the last two tokens
        self._scan(0, "")

    def _scan(self, position: int, end: str) -> int:
        before = word = ""
        while position < len(self._source):
            if self._source[position] == "`":
                position = self._template(position + 1)
                before = "`"
                continue
            if self._source[position] == "/" and (
                not before or before in BEFORE_PATTERN or word == "return"
            ):
                pattern = re.compile(r"/(?![/*])(?:\[(?:[^\]\\]|\\.)*\]|[^/\\\n\[]|\\.)+/\w*")
                if match := pattern.match(self._source, position):
                    position = match.end()
                    before = "/"
                    continue
            match = TOKEN.match(self._source, position)
            assert match is not None
            token = match.group()
            position = match.end()
            if token.isspace() or token.startswith(("//", "/*")):
                continue
            if token == end:
                return position
            self._take(token, match.start())
            self._last = (self._last[1], token)
            before, word = token[-1], token
        return position

    def _take(self, token: str, position: int) -> None:
        frame = self._frames[-1]
        before, word = self._last
        if token[0] in "'\"":
            text = token[1:-1].replace("\\'", "'").replace('\\"', '"')
            begins = word in ("{", ",") and not frame.call
            if begins and self._source[position + len(token) :].lstrip()[:1] == ":":
                frame.key = text
            else:
                self._add(text, position)
        elif token in "([{":
            self._frames.append(_Frame(call=word if token == "(" else ""))
        elif token in ")]}":
            self._frames.pop()
        elif token == ",":
            frame.argument += 1
            frame.key = ""
        elif token == ":" and before in ("{", ",") and re.fullmatch(r"[\w$]+", word):
            frame.key = word

    def _template(self, position: int) -> int:
        start, pieces = position, ""
        while (letter := self._source[position]) != "`":
            if letter == "\\":
                position += 2
            elif self._source.startswith("${", position):
                pieces += "{}"
                position = self._scan(position + 2, "}")
            else:
                pieces += letter
                position += 1
        self._add(pieces, start)
        return position + 1

    def _add(self, text: str, position: int) -> None:
        frame = self._frames[-1]
        line = self._source.count("\n", 0, position) + 1
        self.found.append(Literal(text, line, frame.call, frame.argument, frame.key))


def is_translated(literal: Literal) -> bool:
    """Whether a string is the English text of a phrase."""
    is_phrase = literal.call == "t" and literal.argument == 0
    return is_phrase or literal.key in ("one", "other")


def is_shown(literal: Literal) -> bool:
    """Whether a string looks like text for people, or stands where only that can stand."""
    text = re.sub(r"\{\w*\}", "", literal.text).strip()
    if not re.search(r"[^\W\d_]{2}", text):
        return False
    is_child = literal.call == "el" and literal.argument >= 2
    is_label = literal.key in SHOWN or (literal.call == "iconButton" and literal.argument == 1)
    is_set = literal.call == "setText" and literal.argument == 1
    is_sentence = re.match(r"[A-Z][a-z]+(?: |$|[.,:…])|.*\w \S+.*[.?…]$", text)
    return bool(is_child or is_label or is_set or is_sentence)


class _Page(HTMLParser):
    """The text of `index.html`, without what is not translated."""

    VOID = frozenset({"meta", "link", "input", "img", "path", "rect", "circle", "use", "br"})
    SKIPPED = frozenset({"noscript", "script", "svg", "title", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self._open: list[bool] = [False]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        skipped = self._open[-1] or tag in self.SKIPPED or given.get("translate") == "no"
        if not skipped:
            self.found |= {text for name in SHOWN if (text := given.get(name))}
        if tag not in self.VOID:
            self._open.append(skipped)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open[-1] and re.search(r"[^\W\d_]", data):
            self.found.add(data.strip())


def page_phrases() -> set[str]:
    """The English text of `index.html`."""
    page = _Page()
    page.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    return page.found


#: The code of each language that has a file.
LANGUAGES = tuple(sorted(file.stem for file in (STATIC / "languages").glob("*.js")))

#: Prints a language, and the categories that its plurals have, as JSON.
READ = """const [file, code] = process.argv.slice(1)
const { default: language } = await import(file)
const categories = new Intl.PluralRules(code).resolvedOptions().pluralCategories
console.log(JSON.stringify({ ...language, categories }))"""


def scripts() -> dict[str, list[Literal]]:
    """The strings of each script of the page, by the name of its file.

    Not of `errors.js`, whose texts are translated by their codes, nor of `embed.js`, which is for
    other pages.
    """
    files = [file for file in STATIC.glob("*.js") if file.name not in ("errors.js", "embed.js")]
    return {file.name: list(literals(file.read_text(encoding="utf-8"))) for file in files}


@cache
def phrases() -> tuple[set[str], set[str]]:
    """The English text of all phrases, and of those of them that are plurals."""
    strings = [one for found in scripts().values() for one in found if is_translated(one)]
    plurals = {one.text for one in strings if one.key == "other"}
    single = {one.text for one in strings if one.key not in ("one", "other")}
    return single | plurals | page_phrases(), plurals


@cache
def language(code: str) -> dict[str, Any]:
    """The `phrases` and `errors` of a language, and the `categories` of its plurals."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    file = STATIC / "languages" / f"{code}.js"
    command = [node, "--input-type=module", "--eval", READ, str(file), code]
    done = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
