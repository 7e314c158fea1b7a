"""Plausible arguments for a function, from the JSON Schema of its parameters and from a message."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .zones import zone_in

Schema = dict[str, Any]

#: How deep objects and lists of arguments may be; deeper ones are empty.
MAX_DEPTH = 5

#: Values of strings by the format that JSON Schema knows.
FORMATS = {
    "date-time": "{day}T09:00:00Z",
    "date": "{day}",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "ada@example.org",
    "uri": "https://example.org",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.org",
}

#: Values of strings by words in the name of a parameter; the first that fits counts.
NAMES = (
    (("timezone", "tz", "zone"), "UTC"),
    (("city", "place", "location", "town", "destination", "origin", "region"), "{place}"),
    (("country",), "{place}"),
    (("email", "mail", "recipient"), "{email}"),
    (("url", "uri", "link", "website"), "{url}"),
    (("date", "day"), "{day}"),
    (("language", "lang"), "English"),
    (("currency",), "EUR"),
    (("path", "file", "filename"), "notes.txt"),
    (("id", "key", "code", "number", "ticket", "order", "invoice", "sku"), "{code}"),
    (("name", "user", "customer", "person", "author"), "{name}"),
)

#: Words in the names of strings that are texts: the whole message is their value.
TEXTS = frozenset(
    """body content description input instruction instructions message note prompt query question
    reason request search sentence summary task text thought""".split()  # noqa: SIM905
)

#: Words in the names of things: their name is no name of a person.
THINGS = frozenset({"article", "item", "product", "service", "thing"})

#: Words in the names of integers that may be left out, and that a message may have.
QUANTITIES = frozenset({"copies", "count", "days", "guests", "nights", "pieces", "qty", "quantity"})

#: What a message is about, as the lamps in "What is the price of 3 lamps in Oslo?".
PHRASE = re.compile(
    r"\b(?:of|for|in)\s+(?:(?:the|an?|some|my|this|\d[\d.]*)\s+)*([^\W\d].*?)"
    r"(?=\s+(?:and|at|by|for|from|in|is|of|on|to|with)\b|\s*[?.!,;:]|\s*$)",
    re.IGNORECASE,
)


@dataclass
class Hints:
    """What a message says that an argument can be."""

    text: str
    numbers: list[float] = field(init=False)
    quoted: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = [float(n) for n in re.findall(r"(?<![\w.-])-?\d+(?:\.\d+)?\b", self.text)]
        self.quoted = re.findall(r"[\"“`]([^\"“”`]+)[\"”`]", self.text)

    def find(self, pattern: str) -> str | None:
        found = re.search(pattern, self.text)
        return found[found.lastindex or 0] if found else None

    @property
    def zone(self) -> str | None:
        return zone_in(self.text)

    def code(self) -> str:
        """The first word with a digit, which is no quantity then."""
        found = self.find(r"#?\b([A-Za-z]*-?\d[\w-]*)\b") or "1"
        if found.isdigit() and float(found) in self.numbers:
            self.numbers.remove(float(found))
        return found

    def named(self, template: str) -> str:
        """Fill a template with what the message says, or with something usual."""
        words = {
            "{place}": self.find(r"\b(?:in|for|to|from|at|of|near) ((?:[A-Z][\w'-]+ ?)+)")
            or self.find(r"(?<=[a-z] )([A-Z][\w'-]+)")
            or "Paris",
            "{email}": self.find(r"[\w.+-]+@[\w-]+\.[\w.-]*\w") or FORMATS["email"],
            "{url}": self.find(r"https?://[^\s,;]*[\w/]") or FORMATS["uri"],
            "{day}": self.find(r"\b\d{4}-\d\d-\d\d\b") or _tomorrow(),
            "{code}": self.code() if template == "{code}" else "",
            "{name}": self.find(r"(?<=[a-z] )((?:[A-Z][\w'-]+ ?)+)") or "Ada",
        }
        for mark, value in words.items():
            template = template.replace(mark, value.strip())
        return template


def arguments(parameters: Schema, text: str) -> Schema:
    """Return a value for each required parameter, and for a time zone or a quantity that the
    message has."""
    hints = Hints(text)
    properties = parameters.get("properties") or {}
    required = [name for name in parameters.get("required") or [] if name in properties]
    defs = parameters.get("$defs") or parameters.get("definitions") or {}
    found = {name: _value(name, properties[name], hints, defs) for name in required}
    for name in properties:
        if hints.zone and _tokens(name) & {"timezone", "tz"}:
            found[name] = hints.zone
        elif name not in found and hints.numbers and _tokens(name) & QUANTITIES:
            schema = _resolved(properties[name], defs)
            if _kind(schema) == "integer":
                found[name] = _number(name, schema, hints, whole=True)
    return found


def _value(name: str, schema: Any, hints: Hints, defs: Schema, depth: int = 0) -> Any:
    schema = _resolved(schema, defs)
    for key in ("const", "default"):
        if key in schema and (key == "const" or schema[key] is not None):
            return schema[key]
    if options := schema.get("enum"):
        wanted = hints.text.lower()
        return next((o for o in options if isinstance(o, str) and o.lower() in wanted), options[0])
    if examples := schema.get("examples"):
        return examples[0]
    kind = _kind(schema)
    if kind in ("integer", "number"):
        return _number(name, schema, hints, whole=kind == "integer")
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    if kind == "array":
        return _list(name, schema, hints, defs, depth)
    if kind == "object":
        return _object(schema, hints, defs, depth)
    return _string(name, schema, hints)


def _resolved(schema: Any, defs: Schema) -> Schema:
    """A schema without references and alternatives: the first that is not null."""
    for _ in range(MAX_DEPTH):
        if not isinstance(schema, dict):
            return {}
        if reference := schema.get("$ref"):
            schema = {**defs.get(str(reference).rpartition("/")[2], {}), **_without(schema, "$ref")}
            continue
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not choices:
            return schema
        real = [one for one in choices if isinstance(one, dict) and one.get("type") != "null"]
        rest = _without(schema, "anyOf", "oneOf", "allOf")
        schema = {**(real[0] if real else {}), **rest}
    return {}


def _without(schema: Schema, *names: str) -> Schema:
    return {name: value for name, value in schema.items() if name not in names}


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _number(name: str, schema: Schema, hints: Hints, *, whole: bool) -> float:
    """The next number of the message, or a usual one, within the bounds of the schema."""
    value = hints.numbers.pop(0) if hints.numbers else 2.0
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = 1 if whole else 0.5
    low = above + step if isinstance(above, int | float) and low is None else low
    high = below - step if isinstance(below, int | float) and high is None else high
    value = max(value, low) if low is not None else value
    value = min(value, high) if high is not None else value
    if multiple := schema.get("multipleOf"):
        value = -(-value // multiple) * multiple
    return int(value) if whole else value


def _list(name: str, schema: Schema, hints: Hints, defs: Schema, depth: int) -> list[Any]:
    items = schema.get("prefixItems") or [schema.get("items") or {}] * max(
        schema.get("minItems") or 1, 1
    )
    if depth >= MAX_DEPTH:
        return []
    singular = name.removesuffix("s")
    return [_value(singular, item, hints, defs, depth + 1) for item in items[:20]]


def _object(schema: Schema, hints: Hints, defs: Schema, depth: int) -> Schema:
    properties = schema.get("properties") or {}
    required = schema.get("required") or ([] if depth else list(properties))
    if depth >= MAX_DEPTH:
        return {}
    return {
        name: _value(name, properties.get(name, {}), hints, defs, depth + 1) for name in required
    }


def _string(name: str, schema: Schema, hints: Hints) -> str:
    form = FORMATS.get(str(schema.get("format")))
    if form:
        form = {"email": "{email}", "uri": "{url}"}.get(str(schema.get("format")), form)
    tokens = _tokens(name)
    form = form or next((value for words, value in NAMES if tokens & set(words)), None)
    if form is not None and not (form == "{name}" and tokens & THINGS):
        text = hints.named(form)
    elif hints.quoted:
        text = hints.quoted.pop(0)
    else:
        phrase = None if tokens & TEXTS else PHRASE.search(hints.text)
        text = phrase[1] if phrase else hints.text.strip() or "an example"
    text = text.ljust(schema.get("minLength") or 0, ".")
    return text[: schema.get("maxLength") or None]


def _tokens(name: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)} | {name.lower()}


def _tomorrow() -> str:
    return f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
