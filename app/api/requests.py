"""Request bodies: read within bounds, parsed whatever their content type, validated.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import asyncio
import base64
import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import ClientDisconnect

from ..core.errors import BadRequest, BodyTimeout, InvalidField, TooLarge

Body = TypeVar("Body", bound=BaseModel)


def _encodable(text: str) -> str:
    """Return the text; raise `ValueError` if it has a NUL (cannot be stored) or a lone surrogate
    (cannot be encoded)."""
    if "\0" in text:
        raise ValueError("contains a NUL character, which cannot be stored")
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
    elif isinstance(value, dict):
        for name, part in value.items():
            _encodable(name)
            _storable(part)
    elif isinstance(value, list):
        for part in value:
            _storable(part)
    return value


Text = Annotated[str, AfterValidator(_encodable)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
#: Integers that every provider can read: 64 bits.
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
#: Conversation ids are sent in headers, so they are ASCII without spaces.
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$")]

#: End users of a principal are a part of ids in the store.
USER = re.compile(r"[^\s/\x00-\x1f\x7f]{1,128}")
User = Annotated[str, AfterValidator(_user)]


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """The largest size of a request body in bytes, and the longest time in seconds to receive
    it."""

    size: int
    seconds: float


async def read_body(request: Request, bounds: BodyBounds) -> bytes:
    """Return the bytes of a request's body.

    Raises `TooLarge`, `BodyTimeout`, or `BadRequest` if the client disconnects before the end.
    """
    try:
        async with asyncio.timeout(bounds.seconds):
            return await _read(request, bounds.size)
    except TimeoutError:
        raise BodyTimeout(
            f"The request body did not arrive within {bounds.seconds:g} seconds. Send it again."
        ) from None


async def _read(request: Request, bound: int) -> bytes:
    too_large = TooLarge(f"The request body is larger than {bound} bytes.", max_body_bytes=bound)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > 16 * bound:
        raise too_large
    body = bytearray()
    size = 0
    # A body that is a little too large is read to its end and dropped, because a client does not
    # read the response while it sends.
    try:
        async for part in request.stream():
            size += len(part)
            if size <= bound:
                body += part
            elif size > 16 * bound:
                break
    except ClientDisconnect:
        raise BadRequest("The client left before its request was complete.") from None
    if size > bound:
        raise too_large
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a request body as a JSON object and return it as a dict; raises `BadRequest`.

    The content type is ignored, because many clients send none.
    """
    if not body.strip():
        raise BadRequest("The request body is empty. Send a JSON object.")
    try:
        data = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The request body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("The request body is not a JSON object: it must begin with '{'.")
    return data


def _finite(text: str) -> float:
    """Python's parser takes 1e999 for infinity, which no provider can be sent."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    """Raise `ValueError`: NaN and Infinity, which Python's parser accepts, are not JSON (RFC 8259,
    6)."""
    raise ValueError(f"{name} is not a JSON number")


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
    problems = [
        {
            "field": ".".join(_path(problem["loc"], fields)),
            "problem": problem["msg"].removeprefix("Value error, "),
        }
        for problem in error.errors(include_input=False, include_url=False)
    ]
    message = "; ".join(": ".join(filter(None, problem.values())) for problem in problems)
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


class _Conversation(BaseModel):
    conversation_id: ConversationId | None


def read_conversation_id(header: str | None) -> str | None:
    """Return the conversation id in the header `X-Conversation-Id`, None if it is absent or empty.

    Raises `InvalidField` if it has another form than `ConversationId`.
    """
    return validate(_Conversation, {"conversation_id": header or None}).conversation_id
