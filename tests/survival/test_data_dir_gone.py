"""The data folder is removed, or another one put in its place, while the server runs."""

import contextlib
import shutil
import time
from pathlib import Path

import httpx
import pytest

from tests.command import SERVE, Command

ASK = {"message": "Hello?", "stream": False}


def remove(folder: Path) -> None:
    """Remove a folder in which a server may just be making a file."""
    for _ in range(50):
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
            return
        time.sleep(0.01)
    raise AssertionError("the folder is filled faster than it is removed")


@pytest.mark.parametrize("way", ["removed", "replaced", "moved away"])
def test_a_data_folder_that_is_gone_is_noticed_and_mended(tmp_path: Path, way: str) -> None:
    """Within seconds the log says so; a run that goes on is kept whole in the new folder, and so is
    its turn, which the next one follows; questions are answered and their runs can be read, as
    before."""
    data = tmp_path / "data"
    with Command(tmp_path, SERVE) as command:
        url = f"{command.url}/api/v1"
        assert 200 == httpx.post(f"{url}/chat", json=ASK, timeout=30).status_code
        ask = {"message": "long 300", "background": True, "conversation_id": "c"}
        live = httpx.post(f"{url}/chat", json=ask).json()
        if way == "moved away":
            data.rename(tmp_path / "elsewhere")
        else:
            remove(data)
        if way == "replaced":
            data.mkdir()
        gone = time.monotonic()
        command.wait_for("was removed or replaced")
        print(f"noticed within {time.monotonic() - gone:.2f} s")
        deadline = time.monotonic() + 30
        while True:
            state = httpx.get(f"{url}/runs/{live['run_id']}", timeout=30).json()
            if state.get("status") not in ("queued", "running"):
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "completed" == state["status"]
        events = httpx.get(f"{url}/runs/{live['run_id']}/events", timeout=30)
        assert 200 == events.status_code
        assert f"id: {live['run_id']}:1\n" in events.text
        assert "gap" not in events.text
        assert (data / "runs.db").exists()
        reply = httpx.post(f"{url}/chat", json={**ASK, "conversation_id": "c"}, timeout=60)
        assert 200 == reply.status_code, command.output
        kept = httpx.get(f"{url}/runs/{reply.headers['x-run-id']}", timeout=30)
        assert reply.json()["content"] == kept.json()["content"]
        turns = httpx.get(f"{url}/conversations/c", timeout=30).json()["messages"]
        assert ["long 300", state["content"], ASK["message"], reply.json()["content"]] == [
            message["content"] for message in turns
        ]
        assert "ready" == httpx.get(f"{command.url}/readyz", timeout=30).json()["status"]
        assert 0 == command.stop(within=60)
