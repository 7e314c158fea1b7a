"""The response to a question: its run is started, or found again, and followed in a format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from fastapi import Request, Response

from ....core.question import Question
from ....core.runs.clock import OnDisconnect, Policy
from ...context import Context
from ...starting import IdempotencyKey, start_in_background, start_or_replay
from .answer import NativeAnswer, accepted
from .encoder import negotiate
from .following import JSON, stream
from .requests import HowToAnswer

TEXT = "text/plain"


class Place(TypedDict):
    """Where a run belongs, as both ways to start one take it."""

    conversation_id: str | None
    key: IdempotencyKey | None
    replaces: str | None


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """A question and its conversation, None for a new one.

    `request` is all that makes two requests with one idempotency key the same; `uploads` are
    removed if no run is started. `replaces` is the turn in whose place that of the run stands.
    """

    question: Question
    conversation_id: str | None
    request: str
    uploads: Sequence[Path] = ()
    replaces: str | None = None


async def answer(
    request: Request,
    server: Context,
    principal: str,
    body: HowToAnswer,
    turn: TurnRequest,
    default: str,
    key_header: str | None = None,
    further: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Start the run, or find it by its idempotency key, and return the response in its format.

    The format is JSON if the body has `"stream": false`, else the one in `Accept`, or `default`.
    """
    media_type = negotiate(request.headers.get("accept"), default) if body.stream else JSON
    key = None
    if key_header is not None:
        key = IdempotencyKey.of(key_header, principal, turn.request)
    policy = Policy(
        timeouts=body.timeouts.within(server.timeouts),
        on_disconnect=_on_disconnect(body, media_type, key),
        on_busy=body.on_busy,
        grace=server.grace,
    )
    place: Place = {
        "conversation_id": turn.conversation_id,
        "key": key,
        "replaces": turn.replaces,
    }
    if body.background:
        record, replayed = await start_in_background(
            server, principal, turn.question, policy, **place
        )
        return accepted(server, record, await _headers(server, turn, further, replayed=replayed))
    follower, replayed = await start_or_replay(server, principal, turn.question, policy, **place)
    headers = await _headers(server, turn, further, replayed=replayed)
    if body.stream:
        return stream(server, follower, media_type, headers=headers)
    return NativeAnswer(follower, headers)


async def _headers(
    server: Context, turn: TurnRequest, further: Mapping[str, str], *, replayed: bool
) -> dict[str, str]:
    """Header fields of the response; the uploads of a request that started no run are removed."""
    if not replayed:
        return {**further}
    await server.media.drop_uploads(turn.uploads)
    return {**further, "Idempotent-Replayed": "true"}


def _on_disconnect(body: HowToAnswer, media_type: str, key: IdempotencyKey | None) -> OnDisconnect:
    """Return what happens to the run when its last reader leaves, also if the request does not say
    so.

    A run in the background continues. A reader of SSE or NDJSON, or one with an idempotency key,
    may return: the run waits (`grace`). A reader of plain text or one JSON object cannot resume:
    the run is cancelled.
    """
    if body.background:
        return "continue"
    if body.on_disconnect is not None:
        return body.on_disconnect
    return "cancel" if media_type in (TEXT, JSON) and key is None else "grace"
