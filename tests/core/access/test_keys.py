"""API keys: parsed from settings and files, and never shown in errors."""

import hashlib
from pathlib import Path

import pytest

from app.core.access.keys import Keys, read_keys
from app.core.errors import ConfigurationError

KEY = "k3y-0123456789abcdef"


def test_principal_of_key() -> None:
    """A principal may have several keys; a key has one principal, and all of it must be there."""
    keys = Keys(read_keys(f"alice:{KEY}, alice:other, bob@x.org:a:b", None))
    assert ["alice", "alice", "bob@x.org"] == [keys.principal(k) for k in (KEY, "other", "a:b")]
    for wrong in ("", "b", "a", KEY[:-1], f"{KEY} ", f"alice:{KEY}", KEY.upper(), "\udce4", "ä"):
        assert keys.principal(wrong) is None
    assert {"alice", "bob@x.org"} == keys.principals


def test_keys_are_stored_as_hashes() -> None:
    """Only the hash of a key is kept."""
    keys = Keys(read_keys(f"alice:{KEY}", None))
    assert KEY not in str(vars(keys))
    assert hashlib.sha256(KEY.encode()).digest() in dict(keys._digests).values()


def test_no_keys_configured() -> None:
    """No configured keys are not an error, and no key has a principal."""
    assert not Keys(read_keys(None, None))
    assert Keys().principal(KEY) is None


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        (KEY, "entry 1 is not 'name:key'"),
        (f"alice:{KEY},bob:", "entry 2 is not 'name:key'"),
        (f"alice:{KEY} x", "entry 1 is not 'name:key'"),
        (f"al/ice:{KEY}", "the name of entry 1"),
        (f":{KEY}", "the name of entry 1"),
        (f"alice:{KEY},bob:{KEY}", "'alice' and 'bob' have the same key"),
        ("alice:sha256:12", "entry 1 has no hash of 64 digits"),
        (",", "no key was found"),
    ],
)
def test_malformed_keys_are_refused(listed: str, problem: str) -> None:
    """The error for a malformed key names its entry, and never quotes it."""
    with pytest.raises(ConfigurationError) as caught:
        read_keys(listed, None)
    assert problem in caught.value.message
    assert KEY not in caught.value.message


def test_unreadable_key_file_is_refused(tmp_path: Path) -> None:
    """A key file that is missing, unreadable or empty is an error, not open access."""
    empty = tmp_path / "empty"
    empty.write_text("# nobody\n", encoding="utf-8")
    for file in (tmp_path / "none", tmp_path, empty):
        with pytest.raises(ConfigurationError, match="API_KEYS"):
            read_keys(None, file)
