"""Keys of programs that call the API: made once and shown once, recognised by their beginning, kept as a digest.

A key is 256 random bits, so that a plain digest is as safe as a slow one and costs a request nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from audit import journal
from audit.people import NAME, Unfit
from audit.rows import at, ms
from audit.store import Row, Store, Tx
from model.access import PERMISSIONS, Permission

Kind = Literal["live", "team", "test"]
KINDS: dict[Kind, str] = {
    "live": "Starts real texts.",
    "team": "Starts real texts to the numbers of the settings' allow list only.",
    "test": "Everything is simulated; nothing leaves.",
}
SHAPE = re.compile(r"(tidings_(?:live|team|test)_[a-z2-7]{8})_([a-z2-7]{52})")
USED_EVERY = timedelta(minutes=1)
"""The finest grain of "last used": a write per request would cost more than the request."""

COLUMNS = "id, name, kind, scopes, prefix, digest, created_at, created_by, expires_at, used_at, revoked_at"
BY_PREFIX = f"select {COLUMNS} from api_keys where prefix = ?"  # noqa: S608 - our own columns, here and below
ALL = f"select {COLUMNS} from api_keys order by revoked_at > 0, name, id"  # noqa: S608 - our own words
INSERT = f"""
insert into api_keys (name, kind, scopes, prefix, digest, created_at, created_by, expires_at)
values (?, ?, ?, ?, ?, ?, ?, ?) returning {COLUMNS}
"""  # noqa: S608 - our own words
REVOKE = f"""
update api_keys set revoked_at = ? where revoked_at = 0 and (name = ? or prefix = ?) returning {COLUMNS}
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, without its secret. `prefix` is how it begins, to recognise it by."""

    id: int
    name: str
    kind: Kind
    scopes: frozenset[Permission]
    prefix: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def actor(self) -> str:
        """How the journal names what was done with this key; no person can have a name with a colon."""
        return f"key:{self.name}"

    def may(self, permission: Permission) -> bool:
        """Tell whether this key may do it."""
        return permission in self.scopes

    def is_good(self, now: datetime) -> bool:
        """Tell whether the key opens anything at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def state(self, now: datetime) -> str:
        """Say how the key stands, in one word."""
        return "revoked" if self.revoked_at else "good" if self.is_good(now) else "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """What somebody wants a key for."""

    name: str
    kind: Kind
    scopes: Collection[Permission]
    actor: str
    expires_at: datetime | None = None


def authenticate(store: Store, bearer: str, now: datetime) -> Key | None:
    """Return the key that a program showed, None for one that opens nothing, without saying why."""
    found = SHAPE.fullmatch(bearer.strip())
    with store.read() as tx:
        row = tx.execute(BY_PREFIX, (found[1] if found else "",)).fetchone()
    # Compared also where there is nothing to compare with: an unknown key takes as long as a wrong one.
    same = hmac.compare_digest(bytes(row["digest"]) if row else bytes(32), _digest(bearer.strip()))
    if row is None or not same:
        return None
    key = _key_of(row)
    if not key.is_good(now):
        return None
    if key.used_at is None or now - key.used_at >= USED_EVERY:
        store.write(lambda tx: _use(tx, key.id, now))
    return key


def create(tx: Tx, wish: KeyWish, now: datetime) -> tuple[Key, str]:
    """Make a key; return it and the secret that is never shown again. Raises Unfit."""
    if not NAME.fullmatch(wish.name):
        raise Unfit("A name has 1 to 100 letters, digits, spaces and . @ + - _, and begins with a letter or digit.")
    if not (scopes := ",".join(sorted(scope.code for scope in wish.scopes))):
        raise Unfit("A key has to be good for something: name at least one scope.")
    if tx.execute("select 1 from api_keys where name = ? and revoked_at = 0", (wish.name,)).fetchone():
        raise Unfit(f"There is already a key called {wish.name}. Revoke it, or take another name.")
    prefix = f"tidings_{wish.kind}_{_random(5)}"
    secret = f"{prefix}_{_random(32)}"
    row = tx.execute(
        INSERT,
        (
            wish.name, wish.kind, scopes, prefix, _digest(secret), ms(now), wish.actor,
            ms(wish.expires_at) if wish.expires_at else 0,
        ),
    ).fetchone()  # fmt: skip
    until = f", until {wish.expires_at:%Y-%m-%d %H:%M} UTC" if wish.expires_at else ""
    journal.note(
        tx, ms(now), "operator", reason="key made", actor=wish.actor,
        detail=f"{wish.name} ({prefix}): {wish.kind}, may {scopes}{until}",
    )  # fmt: skip
    return _key_of(row), secret


def revoke(tx: Tx, wanted: str, actor: str, now: datetime) -> Key | None:
    """End a key for good, by its name or its beginning; None when there is no such good key."""
    row = tx.execute(REVOKE, (ms(now), wanted, wanted)).fetchone()
    if row is None:
        return None
    key = _key_of(row)
    journal.note(tx, ms(now), "operator", reason="key revoked", actor=actor, detail=f"{key.name} ({key.prefix})")
    return key


def everyone(tx: Tx) -> list[Key]:
    """Return every key, the good ones first, each group by name."""
    return [_key_of(row) for row in tx.execute(ALL)]


def _use(tx: Tx, key_id: int, now: datetime) -> None:
    tx.execute("update api_keys set used_at = max(used_at, ?) where id = ?", (ms(now), key_id))


def _random(count: int) -> str:
    return base64.b32encode(secrets.token_bytes(count)).decode().rstrip("=").lower()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _key_of(row: Row) -> Key:
    codes = filter(None, row["scopes"].split(","))
    return Key(
        id=row["id"], name=row["name"], kind=row["kind"],
        # A scope that a newer program wrote opens nothing here.
        scopes=frozenset(PERMISSIONS[code] for code in codes if code in PERMISSIONS),
        prefix=row["prefix"], created_at=at(row["created_at"]), created_by=row["created_by"],
        expires_at=_time(row["expires_at"]), used_at=_time(row["used_at"]), revoked_at=_time(row["revoked_at"]),
    )  # fmt: skip


def _time(value: int) -> datetime | None:
    return at(value) if value else None
