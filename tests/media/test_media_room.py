"""Media fill no disk: what is kept is bounded, in all and for each principal."""

from pathlib import Path

import httpx

from app.core.kept_media import Owner, Room
from app.core.media import MediaStore
from tests.conftest import Serve
from tests.media.parts import MP3, PDF, PNG
from tests.provider import Provider

KEYS = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}
SIZE = 30_000  # bytes of a file; that of a principal may be 40,000 in all


async def upload(
    http: httpx.AsyncClient, name: str, conversation: str, size: int = SIZE
) -> httpx.Response:
    content = PDF + bytes([ord(conversation[0])]) * (size - len(PDF))
    headers = {"Authorization": f"Bearer {KEYS[name]}"}
    fields = {"message": "Read it.", "stream": "false", "conversation_id": conversation}
    files = {"files": ("a.pdf", content, "application/pdf")}
    return await http.post("/api/v1/chat", data=fields, files=files, headers=headers)


async def test_the_files_of_a_principal_are_bounded(serve: Serve, provider: Provider) -> None:
    """Who has used up the share is refused before a run starts, nobody else is, and a deletion
    makes room again."""
    keys = ", ".join(f"{name}:{key}" for name, key in KEYS.items())
    server = serve(api_keys=keys, max_stored_media_bytes=80_000)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        assert 200 == (await upload(http, "alice", "a")).status_code
        asked = len(provider.requests)
        refused = await upload(http, "alice", "b")
        assert (413, "too_large") == (refused.status_code, refused.json()["error"]["code"])
        assert asked == len(provider.requests)
        assert 200 == (await upload(http, "bob", "b")).status_code
        assert 200 == (await upload(http, "alice", "c", size=5000)).status_code
        headers = {"Authorization": f"Bearer {KEYS['alice']}"}
        removed = await http.delete("/api/v1/conversations/a", headers=headers)
        assert removed.status_code in (200, 204)
        assert 200 == (await upload(http, "alice", "d")).status_code


async def test_what_was_there_before_counts(tmp_path: Path) -> None:
    """A process counts what an earlier one has kept, and forgets what is removed; what finds no
    room is left out."""
    store = MediaStore(tmp_path, item_bytes=1 << 20, room=Room(200, 120))
    owners = [Owner(f"{n:032x}", name, "c", kept=False) for n, name in enumerate("aab")]
    assert await store.keep(owners[0], "audio", MP3, "audio/mpeg", None)
    assert await store.keep(owners[1], "file", PDF, "application/pdf", None)
    again = MediaStore(tmp_path, item_bytes=1 << 20, room=Room(200, 120))
    await again.measure()
    assert None is await again.keep(owners[1], "audio", MP3, "audio/mpeg", None)
    assert None is await store.keep(owners[1], "image", PNG, "image/png", None)
    assert await store.keep(owners[2], "image", PNG, "image/png", None)
    await store.remove(owners[0].run_id)
    assert await store.keep(owners[1], "audio", MP3, "audio/mpeg", None)
