"""Keys of programs: shown once, known by their beginning, good until they end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit import keys
from audit.keys import Key, KeyWish
from audit.people import Unfit
from audit.store import Store
from model.access import Permission
from tests.fakes.stores import only_sqlite, open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "tidings.db")
    yield opened
    opened.close()


def made(store: Store, name: str = "shop", **more: object) -> tuple[Key, str]:
    wish = KeyWish(**{"name": name, "kind": "live", "scopes": [Permission.SEND], "actor": "kim", **more})  # type: ignore[arg-type]
    return store.write(lambda tx: keys.create(tx, wish, NOW))


def test_a_key_opens_what_it_was_made_for(store: Store) -> None:
    key, secret = made(store, scopes=[Permission.SEND, Permission.READ])

    found = keys.authenticate(store, secret, NOW)

    assert found is not None
    assert (found.name, found.kind) == ("shop", "live")
    assert found.scopes == {Permission.SEND, Permission.READ}
    assert found.actor == "key:shop"
    assert secret.startswith(f"{key.prefix}_")


@only_sqlite
def test_the_secret_is_nowhere_in_the_database(store: Store, tmp_path: Path) -> None:
    _, secret = made(store)
    store.checkpoint()

    assert secret.rpartition("_")[2].encode() not in (tmp_path / "tidings.db").read_bytes()


def test_what_is_not_exactly_a_key_opens_nothing(store: Store) -> None:
    key, secret = made(store)
    _, other = made(store, "other")
    swapped = f"{key.prefix}_{other.rpartition('_')[2]}"

    for bearer in (
        "",
        key.prefix,
        secret[:-1],
        secret + "a",
        secret.upper(),
        swapped,
        "x" * 10_000,
        secret + "\n\n2",
        "ü",
    ):
        assert keys.authenticate(store, bearer, NOW) is None, bearer


def test_a_key_ends_when_revoked_or_at_its_time(store: Store) -> None:
    _, first = made(store)
    key, second = made(store, "short", expires_at=NOW + timedelta(days=1))

    gone = store.write(lambda tx: keys.revoke(tx, "shop", "kim", NOW))

    assert gone is not None
    assert keys.authenticate(store, first, NOW) is None
    assert keys.authenticate(store, second, NOW + timedelta(hours=23)) is not None
    assert keys.authenticate(store, second, NOW + timedelta(days=1)) is None
    assert key.state(NOW + timedelta(days=1)) == "expired"
    assert store.write(lambda tx: keys.revoke(tx, "shop", "kim", NOW)) is None
    assert store.write(lambda tx: keys.revoke(tx, key.prefix, "kim", NOW)) is not None


def test_when_it_was_used_last_is_known_to_the_minute(store: Store) -> None:
    _, secret = made(store)

    for seconds in (0, 30, 59, 61, 119):
        keys.authenticate(store, secret, NOW + timedelta(seconds=seconds))

    with store.read() as tx:
        assert keys.everyone(tx)[0].used_at == NOW + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("name", "scopes", "said"),
    [
        ("", [Permission.READ], "A name has"),
        ("shop", [Permission.READ], "already a key called shop"),
        ("b", [], "scope"),
    ],
)
def test_a_key_that_cannot_be_made_says_why(store: Store, name: str, scopes: list[Permission], said: str) -> None:
    made(store)

    with pytest.raises(Unfit, match=said):
        made(store, name, scopes=scopes)


def test_a_scope_of_a_newer_program_opens_nothing(store: Store) -> None:
    _, secret = made(store)
    store.write(lambda tx: tx.execute("update api_keys set scopes = 'send,teleport'"))

    found = keys.authenticate(store, secret, NOW)

    assert found is not None
    assert found.scopes == {Permission.SEND}
