"""Request bodies: read within bounds, whatever their content type, and validated.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import asyncio
import base64
import json
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import ClientDisconnect

from ..core.errors import BadRequest, BodyTimeout, InvalidField, TooLarge

Body = TypeVar("Body", bound=BaseModel)


def _encodable(text: str) -> str:
    """Text that can be stored and sent on: NUL cannot be stored, half characters not be sent."""
    if "\0" in text:
        raise ValueError("contains a NUL character, which cannot be stored")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("contains half of a UTF-16 surrogate pair") from None
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
#: Whole numbers as every provider can read them: of 64 bits.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
#: Conversation ids travel in headers, so they are plain.
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$")]

#: End users of a principal are a part of ids in the store.
USER = re.compile(r"[^\s/\x00-\x1f\x7f]{1,128}")
User = Annotated[str, AfterValidator(_user)]


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """How large a body may be, in bytes, and how long it may take to come, in seconds."""

    size: int
    seconds: float


async def read_body(request: Request, bounds: BodyBounds) -> bytes:
    """The body; raises `TooLarge` and `BodyTimeout`."""
    try:
        async with asyncio.timeout(bounds.seconds):
            return await _read(request, bounds.size)
    except TimeoutError:
        raise BodyTimeout(
            f"The request body did not come within {bounds.seconds:g} seconds."
        ) from None


async def _read(request: Request, bound: int) -> bytes:
    too_large = TooLarge(f"The request body is larger than {bound} bytes.", max_body_bytes=bound)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > 16 * bound:
        raise too_large
    body = bytearray()
    size = 0
    # A body a little too large is read to its end and thrown away, for a client that is still
    # sending does not read the answer.
    try:
        async for part in request.stream():
            size += len(part)
            if size <= bound:
                body += part
            elif size > 16 * bound:
                break
    except ClientDisconnect:
        raise BadRequest("The client left before its request was whole.") from None
    if size > bound:
        raise too_large
    return bytes(body)


def parse_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object; the content type is not looked at, since many clients send none."""
    if not body.strip():
        raise BadRequest("The request body is empty; send a JSON object.")
    try:
        data = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The request body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("The request body is not a JSON object.")
    return data


def _finite(text: str) -> float:
    """Python's parser takes 1e999 for infinity, which no provider can be sent."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    """Python's parser takes NaN and Infinity; JSON has no such numbers (RFC 8259, section 6)."""
    raise ValueError(f"{name} is no JSON number")


def validate(model: type[Body], fields: dict[str, Any]) -> Body:
    """Fields as `model`; raises `InvalidField`, which names each wrong one."""
    try:
        return model.model_validate(fields, strict=True)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> InvalidField:
    """Our error for what pydantic found, without the values that were sent."""
    problems = [
        {
            "field": ".".join(str(part) for part in problem["loc"]),
            "problem": problem["msg"].removeprefix("Value error, "),
        }
        for problem in error.errors(include_input=False, include_url=False)
    ]
    said = "; ".join(": ".join(filter(None, problem.values())) for problem in problems)
    return InvalidField(said, fields=problems)


def picture(image: str) -> dict[str, Any]:
    """An image as an address, or as its bytes and media type; raises `InvalidField`."""
    if image.startswith(("https://", "http://")):
        return {"url": image}
    head, comma, data = image.partition(",")
    mime = head[5:].partition(";")[0] if comma and head.startswith("data:") else None
    try:
        content = base64.b64decode(data if mime else image, validate=True)
    except ValueError:
        content = b""
    if not content:
        raise InvalidField("images: neither an https address, a data URL nor base64.")
    return {"content": content, "mime_type": mime}


class _Conversation(BaseModel):
    conversation_id: ConversationId | None


def read_conversation_id(header: str | None) -> str | None:
    """The conversation id in `X-Conversation-Id`, or None; raises `InvalidField`."""
    return validate(_Conversation, {"conversation_id": header or None}).conversation_id
