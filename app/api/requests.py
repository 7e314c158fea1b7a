"""The fields of request bodies: types that all doors share, validation, and its errors.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
)

from ..core.errors import InvalidField
from ..core.text import without_lone_surrogates
from .bodies import BodyBounds, read_body, use_body
from .body_model import BodyModel
from .json_objects import EMPTY, parse_in_turns, parse_object

__all__ = ["BodyBounds", "parse_object", "read_body", "read_object"]  # and what is defined here

Body = TypeVar("Body", bound=BaseModel)


#: The largest whole number in JSON that is stored; one that is larger is no floating-point number.
LARGEST = 10**300


#: What may be half of a UTF-16 pair: an escape of JSON, its bytes, or a body that is no UTF-8.
HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|\0")

#: Types of JSON whose values can always be stored.
PLAIN = frozenset({float, bool, type(None)})


def _encodable(text: str) -> str:
    """Return the text; raise `ValueError` if it has a NUL (cannot be stored) or a lone surrogate
    (cannot be encoded)."""
    if "\0" in text:
        raise ValueError("contains a NUL character, which cannot be stored")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains a lone surrogate, half of a UTF-16 pair") from None
    return text


def _user(name: str) -> str:
    if not USER.fullmatch(_encodable(name)):
        raise ValueError("must be 1 to 128 characters, without white space and slashes")
    return name


def _storable(value: Any) -> Any:
    """JSON whose texts can be stored and sent on."""
    if isinstance(value, str):
        _encodable(value)
    elif isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        raise ValueError("has a number that is too large")
    elif isinstance(value, dict):
        for name, part in value.items():
            _encodable(name)
            if type(part) not in PLAIN:
                _storable(part)
    elif isinstance(value, list):
        for part in value:
            if type(part) is int:
                if not -LARGEST <= part <= LARGEST:
                    raise ValueError("has a number that is too large")
            elif type(part) not in PLAIN:
                _storable(part)
    return value


#: Items of a list in a request, at most: messages of a history, and all other lists.
MAX_MESSAGES = 10_000
MAX_ITEMS = 1024

#: Wrong fields that an error names, at most.
MAX_PROBLEMS = 10


def _at_most(bound: int) -> Callable[[Any], Any]:
    """Return a validator that counts the items of a list or an object before they are looked at."""

    def check(value: Any) -> Any:
        if isinstance(value, list | dict) and len(value) > bound:
            raise ValueError(f"has {len(value)} items; at most {bound} are accepted")
        return value

    return check


#: Annotations of lists: they are bounded, and the first wrong item ends the validation.
MESSAGES = (Field(fail_fast=True), BeforeValidator(_at_most(MAX_MESSAGES)))
ITEMS = (Field(fail_fast=True), BeforeValidator(_at_most(MAX_ITEMS)))
#: The same for objects whose names are the client's.
ENTRIES = BeforeValidator(_at_most(MAX_ITEMS))

Text = Annotated[str, AfterValidator(_encodable)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
JsonValue = Annotated[Any, AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
#: Integers that every provider can read: 64 bits.
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
#: Conversation ids are sent in headers, so they are ASCII without spaces.
CONVERSATION = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$")
ConversationId = Annotated[str, StringConstraints(pattern=CONVERSATION.pattern)]

#: End users of a principal are a part of ids in the store.
USER = re.compile(r"[^\s/\x00-\x1f\x7f]{1,128}")
User = Annotated[str, AfterValidator(_user)]


async def read_object(request: Request, bounds: BodyBounds, empty: str = EMPTY) -> dict[str, Any]:
    """Return a request's body, which is a JSON object; raises what `use_body` and `parse_object`
    raise."""
    return await use_body(request, bounds, lambda body: parse_in_turns(body, empty))


async def read_mended(request: Request, bounds: BodyBounds) -> dict[str, Any]:
    """The same as `read_object`, with U+FFFD for each lone surrogate, which nothing can store: for
    protocols whose clients send histories, in which a model may have left one."""

    async def use(body: bytearray) -> dict[str, Any]:
        halves = HALF.search(body) is not None  # before it is parsed, which empties it
        fields = await parse_in_turns(body)
        mended: dict[str, Any] = without_lone_surrogates(fields) if halves else fields
        return mended

    return await use_body(request, bounds, use)


def validate(model: type[Body], fields: dict[str, Any]) -> Body:
    """Return the fields as an instance of `model`; raises `InvalidField`, which names each wrong
    field."""
    try:
        return model.model_validate(fields, strict=True)
    except ValidationError as error:
        raise invalid(error, fields) from None


def invalid(error: ValidationError, fields: Any) -> InvalidField:
    """Return pydantic's error on `fields` as an `InvalidField`, without the values that the client
    sent."""
    found = error.errors(include_input=False, include_url=False)
    problems = [
        {
            "field": ".".join(_path(problem["loc"], fields)),
            "problem": problem["msg"].removeprefix("Value error, "),
        }
        for problem in found[:MAX_PROBLEMS]
    ]
    message = "; ".join(": ".join(filter(None, problem.values())) for problem in problems)
    if len(found) > MAX_PROBLEMS:
        message += f"; and {len(found) - MAX_PROBLEMS} more"
    return InvalidField(message, fields=problems)


def _path(location: tuple[int | str, ...], fields: Any) -> Iterator[str]:
    """Yield the parts of pydantic's location that are in the body: names, and numbers in lists.

    Others are the alternatives of a union, such as `MediaItem` or `function-after[...]`. The last
    part may be a field that is missing.
    """
    place: Any = fields
    for number, part in enumerate(location, start=1):
        inside = (isinstance(place, dict) and part in place) or (
            isinstance(place, list) and isinstance(part, int)
        )
        if inside:
            place = place[part]
            yield str(part)
        elif isinstance(place, dict) and number == len(location) and str(part).isidentifier():
            yield str(part)


def picture(image: str) -> dict[str, Any]:
    """Return the fields of a `Picture`, `url` or `content` and `mime_type`, for an image in a
    request.

    The image is an http(s) address, a data URL, or base64. Raises `InvalidField` for anything else.
    """
    if image.startswith(("https://", "http://")):
        return {"url": image}
    head, comma, data = image.partition(",")
    mime = head[5:].partition(";")[0] if comma and head.startswith("data:") else None
    try:
        content = base64.b64decode(data if mime else image, validate=True)
    except ValueError:
        content = b""
    if not content:
        raise InvalidField("images: must be an https address, a data URL or base64")
    return {"content": content, "mime_type": mime}


def end_user(name: str | None) -> str | None:
    """Return the end user of an application, as a part of ids in the store; None for an empty name.

    A name that cannot be such a part is replaced by its hash.
    """
    if not name:
        return None
    if USER.fullmatch(name):
        return name
    return hashlib.sha256(name.encode()).hexdigest()[:32]


class _Conversation(BodyModel):
    conversation_id: ConversationId | None


def read_conversation_id(header: str | None) -> str | None:
    """Return the conversation id in the header `X-Conversation-Id`, None if it is absent or empty.

    Raises `InvalidField` if it has another form than `ConversationId`.
    """
    return validate(_Conversation, {"conversation_id": header or None}).conversation_id
