"""What a request continues: an earlier response, a conversation, a call of the client's tool."""

from dataclasses import dataclass, field

import msgspec

from ....core.errors import InvalidField, UnknownConversation, UnknownRun
from ....core.log.journal import RunRecord
from ....core.question import PastMessage
from ....models.chat import StoredMessage
from ...context import Context
from ...requests import end_user
from .input import (
    FunctionCallItem,
    Item,
    OutputItem,
    ReferenceItem,
    messages_of,
    read_items,
)
from .reading import RawItem, find, output_items, raw_input, referred
from .requests import ResponseRequest
from .resource import stored_request

#: Bytes of the items that are stored with a run; of larger ones the content of media is left out.
STORED_BYTES = 1 << 20

#: The fields of parts that hold the content of media.
MEDIA = ("image_url", "file_data", "video_url", "input_audio")


@dataclass
class Thread:
    """A request together with what it continues.

    `items` are the client's, with references replaced; `turn` are those of the turn that its tool
    results belong to. If it `continues` a stored conversation, `before` are items that precede this
    conversation, and `earlier` those in it. `follows` is the id of the run before.
    """

    items: list[RawItem]
    conversation_id: str | None = None
    continues: bool = False
    before: list[RawItem] = field(default_factory=list)
    turn: list[RawItem] = field(default_factory=list)
    earlier: list[RawItem] = field(default_factory=list)
    follows: str | None = None
    user: str | None = None

    @property
    def messages(self) -> list[PastMessage]:
        """The messages of the request, after those of the turn that it goes on with."""
        return messages_of(read_items([*self.turn, *self.items]))

    @property
    def stored(self) -> list[RawItem] | None:
        """The items to store with the run, None if they are too large."""
        for items in (self.items, [_without_media(item) for item in self.items]):
            if len(msgspec.json.encode(items)) <= STORED_BYTES:
                return items
        return None


async def thread_of(
    server: Context, principal: str, body: ResponseRequest, raw: list[RawItem]
) -> Thread:
    """Find what a request continues; raises `InvalidField` for what there is not.

    `raw` are the items of the body as the client sent them.
    """
    user = end_user(body.user)
    thread = Thread(await _resolved(server, principal, body.input, raw), user=user)
    if body.previous_response_id is not None:
        record = await _previous(server, principal, body.previous_response_id)
        thread.user = user or record.user
        thread.follows = record.run_id
        await _continue(server, thread, record)
    elif body.named_conversation is not None:
        thread.conversation_id, thread.continues = body.named_conversation, True
        stored = await _stored(server, principal, body.named_conversation, user)
        thread.earlier = _as_items(stored)
        thread.follows = stored[-1].run_id if stored else None
    if unanswered := _unanswered(read_items(thread.items)):
        thread.turn = await _turn(server, principal, thread.follows)
        calls = {item.get("call_id") for item in thread.turn}
        if missing := unanswered - calls:
            raise InvalidField(f"input: no tool call has the id {min(missing)!r}")
    if thread.continues and not body.kept:  # nothing is stored, and so nothing is continued there
        thread.before += thread.earlier
        thread.conversation_id, thread.continues = None, False
    return thread


async def _continue(server: Context, thread: Thread, record: RunRecord) -> None:
    """Continue the conversation of a run; a copy of it, if the run is not its last one."""
    request = stored_request(record)
    thread.before = [*request.before, *_earlier(raw_input(record))]
    thread.conversation_id, thread.continues = record.conversation_id, True
    stored = await _stored(server, record.principal, record.conversation_id, thread.user)
    thread.earlier = _as_items(stored)
    runs = [message.run_id for message in stored]
    if record.turn_id not in runs:
        branch = await _stored(
            *(server, record.principal, record.conversation_id, thread.user),
            upto=record.turn_id,
        )
        if branch and branch[-1].run_id == record.turn_id:  # a turn that is not shown
            thread.before += _as_items(branch)
            thread.earlier, thread.conversation_id, thread.continues = [], None, False
    elif record.run_id in runs and runs[-1] != record.run_id:
        last = len(runs) - runs[::-1].index(record.run_id)
        thread.before += thread.earlier[:last]
        thread.conversation_id, thread.continues = None, False


async def _stored(
    server: Context, principal: str, conversation_id: str, user: str | None, *, upto: str = ""
) -> list[StoredMessage]:
    try:
        found = await server.conversations.get(conversation_id, principal, user, upto=upto)
        return found.messages
    except UnknownConversation:
        return []


async def _previous(server: Context, principal: str, name: str) -> RunRecord:
    try:
        return (await find(server, principal, name))[0]
    except UnknownRun:
        problem = f"there is no response {name!r}, or it is no longer kept"
        raise InvalidField(
            f"previous_response_id: {problem}",
            fields=[{"field": "previous_response_id", "problem": problem}],
        ) from None


async def _resolved(
    server: Context, principal: str, items: list[Item], raw: list[RawItem]
) -> list[RawItem]:
    """The items of a request with the items of earlier responses in the place of references."""
    found: list[RawItem] = []
    for item, sent in zip(items, raw, strict=True):
        if not isinstance(item, ReferenceItem):
            found.append(sent)
            continue
        known = await referred(server, principal, item.id)
        if known is None:
            raise InvalidField(f"input: there is no item {item.id!r}, or it is no longer kept")
        found.append(known)
    return found


async def _turn(server: Context, principal: str, run_id: str | None) -> list[RawItem]:
    """The items of a turn whose run waits for results of tools, from its question on."""
    found: list[RawItem] = []
    while run_id is not None:
        try:
            record, log = await find(server, principal, run_id)
        except UnknownRun:
            break
        sent = raw_input(record)
        found = [*sent[_start(sent) :], *output_items(record, log), *found]
        if any(item.get("role") == "user" for item in sent):
            break
        run_id = stored_request(record).follows
    return found


def _unanswered(items: list[Item]) -> set[str]:
    """The ids of calls whose results are among the items, but not the calls themselves."""
    results = {item.call_id for item in items if isinstance(item, OutputItem)}
    return results - {item.call.id for item in items if isinstance(item, FunctionCallItem)}


def _start(raw: list[RawItem]) -> int:
    """The place of the last message of the user; 0 if there is none."""
    users = [n for n, item in enumerate(raw) if item.get("role") == "user"]
    return users[-1] if users else 0


def _earlier(raw: list[RawItem]) -> list[RawItem]:
    """The items of a request before its question, which the conversation does not store."""
    return raw[: _start(raw)]


def _as_items(stored: list[StoredMessage]) -> list[RawItem]:
    return [{"role": message.role, "content": message.content} for message in stored]


def _without_media(item: RawItem) -> RawItem:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    return {**item, "content": [part for part in content if not _has_media(part)]}


def _has_media(part: object) -> bool:
    return isinstance(part, dict) and any(part.get(name) for name in MEDIA)
