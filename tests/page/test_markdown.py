"""Markdown in pieces: however an answer is split, the drawn page is the same."""

import pytest

from tests.page.test_chat import MARKDOWN
from tests.page.test_safety import ATTACK
from tests.page.visit import Visit

DRAW = """async ([text, size]) => {
  const { StreamedMarkdown } = await import('/static/markdown.js')
  const element = document.createElement('div')
  element.className = 'prose'
  const markdown = new StreamedMarkdown(element)
  for (let n = 0; n < text.length; n += size) markdown.push(text.slice(n, n + size))
  return [element.textContent, [...element.querySelectorAll('*')].map(e => e.tagName).join(' ')]
}"""
SHORT = {
    "everything": MARKDOWN,
    "an attack": ATTACK,
    "headings": "Title\n===\n\nText\nmore\n\n## Two ##\ntext\n---\nrest",
    "lists": "- a\n  - b\n\n    c\n- d\n\n1) x\n2) y\n\n* z\ntext lazy\n\nend",
    "quotes": "> a\n> - b\n>\n> ```\n> c\n> ```\nlazy\n\nend",
    "code": "    indented\n\n~~~~\n```\nnot the end\n~~~~\n\n`` a ` b ``\n\n```\nopen",
    "references": "[a]: https://example.org\n\ntext\n\nmore [a] and [b][a]\n",
    "marks": "**bold *both* bold** ~~gone~~ a_b_c 2 * 3 * 4 <b>x</b> &amp; \\* \u00e9 \U0001f642",
    "line ends": "a\r\nb\r\n\r\n- c\r\n- d\r\n",
    "formulas": "a $x_1$ b \\(y\\) $5 and $6 $$z$$\n\n$$\na\n= b\n$$"
    "\n\n\\[\nc\n\\]\nend $ x$ \\(open",
    "an open formula": "$$\na\n\nb\n$$\n\n\\[ c\n\nd \\]",
    "footnotes": "a[^1] b[^long-name]\n\n[^1]: One *note*\n  that goes on"
    "\n[^long-name]: Two\n\nend [^2",
    "own pictures": "![p](/api/v1/runs/r/media/m) ![q](https://example.org/q.png)",
    "a table": "| a | b |\n|:-|-:|\n| 1 | 2 |\n| `x|y` | |\n\nend",
}
LONG = {
    "paragraph": " ".join(
        f"word{n}" + (" **bold `code`**" if n % 50 == 0 else "") for n in range(4000)
    ),
    "Japanese": "".join(f"これは長い文章です{n}。" for n in range(2000)),
    "no spaces": "x" * 30_000,
    "list": "".join(f"- item {n} with *marks*\n" for n in range(1500)),
    "loose list": "".join(f"1. item {n}\n\n   more\n\n" for n in range(600)),
    "code": "```python\n" + "".join(f"line {n}\n\n" for n in range(3000)) + "```\n\nend",
    "table": "|a|b|\n|-|-|\n" + "".join(f"|{n}|`{n}`|\n" for n in range(2000)),
    "quote": "".join(f"> line {n}\n" for n in range(1000)),
}


@pytest.mark.parametrize("text", SHORT.values(), ids=SHORT.keys())
def test_short_markdown_split_anywhere(visit: Visit, text: str) -> None:
    """However a text is split, it is drawn as the same elements with the same text."""
    whole = visit.run(DRAW, [text, len(text)])
    assert whole[0].strip()
    for size in (1, 2, 7):
        assert whole == visit.run(DRAW, [text, size]), size


def test_columns_and_numbers_of_an_answer(visit: Visit) -> None:
    """Columns are aligned as the answer says, and a list begins with its own number."""
    text = "| a | b | c |\n|:-|-:|:-:|\n| 1 | 2 | 3 |\n\nThen:\n\n4. four\n5. five"
    shown = visit.run(
        """async text => {
          await (await import('/static/late.js')).loadTurns() // with the styles of answers
          const { StreamedMarkdown } = await import('/static/markdown.js')
          const element = document.createElement('div')
          element.className = 'prose'
          document.body.append(element)
          new StreamedMarkdown(element).push(text)
          const cells = [...element.querySelectorAll('td')]
          const aligned = cells.map(cell => getComputedStyle(cell).textAlign)
          return [...aligned, element.querySelector('ol').start]
        }""",
        text,
    )
    assert ["left", "right", "center", 4] == shown


@pytest.mark.parametrize("name", LONG)
def test_long_markdown_blocks_drawn_in_parts(visit: Visit, name: str) -> None:
    """A block that is long enough to be drawn in parts loses and repeats nothing."""
    text = LONG[name]
    unseen = "1" if name == "loose list" else ""  # the numbers of items are not in the text
    head = "ab" if name == "table" else ""  # each part of a table has its head again
    expected = letters("\n".join(line.removeprefix(unseen) for line in lines(text)))
    for size in (200, 2000):
        drawn = letters(visit.run(DRAW, [text, size])[0])
        assert expected.replace(head, "") == drawn.replace(head, "")


def lines(text: str) -> list[str]:
    return [line.lstrip("`") for line in text.split("\n")]


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
