"""The texts of the demonstration, written beforehand."""

ABOUT = """This is the demonstration of agno-stream: there is no language model behind it, so it \
cannot answer questions. You wrote {question}.

Try `markdown`, `long` (or `long 5000`; at most 50,000 words), `count to 20` (at most 10,000) and \
then `continue`, `reasoning`, {clock}`slow`, `fail`, `echo` and a text, \
or `what did I say?`. To talk to a real model, set `OPENAI_API_KEY` or `MODEL` and start again."""
CLOCK = "`tool` (or `tool Europe/Paris`), "
MARKDOWN = """# A demonstration of Markdown
- plain, **bold** and *italic* words
- a [link](https://docs.agno.com) and some `code`

## A table, then some Python
| field | meaning |
|---|---|
| `content` | a piece of the answer |
| `done` | whether it was the last |

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```"""
THOUGHTS = "I have no thoughts of my own. These words were written beforehand, and travel apart."
CONCLUSION = "That was the reasoning, and this is the answer. A client can fold the first away."
SLOW = "This answer is slow on purpose: it pauses before each new word."
PASSAGE = """No language model is behind this long answer; its words were written beforehand, and \
they repeat. A stream is a promise kept in small pieces: the first word leaves before the last one \
is known, so whoever reads can begin at once and need not wait for an ending."""
TOOLS = """It runs this agent's tools for real, with arguments that it makes up: try {names}, or a \
question."""
UNCLEAR = """The demonstration does not guess which tool to call, because it would run for real, \
with arguments that are made up. Name one: {names}."""
