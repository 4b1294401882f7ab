"""Second factors: the secret an app holds, the codes for the day the phone is lost, and no code twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

from audit import journal
from audit.people import Person
from audit.rows import ms
from audit.store import Tx

CODES = 10


def propose(tx: Tx, person: Person) -> str:
    """Make a secret for somebody's app; it counts once a code of it was typed. Return it in base32."""
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    tx.execute("update users set totp_new = ? where id = ?", (secret, person.id))
    return secret


def confirm(tx: Tx, person: Person, step: int, now: datetime) -> list[str]:
    """Take the proposed secret; return the recovery codes, which are never shown again."""
    tx.execute(
        "update users set totp = totp_new, totp_new = '', totp_step = ? where id = ? and totp_new <> ''",
        (step, person.id),
    )
    journal.note(tx, ms(now), "operator", reason="second factor set up", actor=person.name, detail=person.name)
    return _new_codes(tx, person)


def use_step(tx: Tx, person: Person, step: int) -> bool:
    """Use up the code of a step; False when it, or a later one, was used before."""
    return bool(
        tx.execute("update users set totp_step = ? where id = ? and totp_step < ?", (step, person.id, step)).rowcount
    )


def use_code(tx: Tx, person: Person, typed: str, now: datetime) -> bool:
    """Use up a recovery code; False when it is none."""
    wanted = _plain(typed)
    rows = tx.execute("select salt, digest, used_at from recovery_codes where user_id = ?", (person.id,)).fetchall()
    # Each is looked at, so that the time tells nothing.
    hits = [row for row in rows if hmac.compare_digest(bytes(row["digest"]), _digest(bytes(row["salt"]), wanted))]
    if not hits or hits[0]["used_at"]:
        return False
    tx.execute(
        "update recovery_codes set used_at = ? where user_id = ? and digest = ?",
        (ms(now), person.id, hits[0]["digest"]),
    )
    journal.note(tx, ms(now), "operator", reason="recovery code used", actor=person.name, detail=person.name)
    return True


def codes_left(tx: Tx, person: Person) -> int:
    """Return how many recovery codes are left."""
    row = tx.execute(
        "select count(*) as found from recovery_codes where user_id = ? and used_at = 0", (person.id,)
    ).fetchone()
    return int(row["found"])


def renew_codes(tx: Tx, person: Person, now: datetime) -> list[str]:
    """Make new recovery codes in place of the old ones."""
    journal.note(tx, ms(now), "operator", reason="recovery codes renewed", actor=person.name, detail=person.name)
    return _new_codes(tx, person)


def reset(tx: Tx, person: Person, actor: str, now: datetime) -> bool:
    """Take the second factor away and end the sessions; False when there was none."""
    tx.execute("delete from recovery_codes where user_id = ?", (person.id,))
    tx.execute("update users set totp = '', totp_new = '', totp_step = 0 where id = ?", (person.id,))
    if not person.totp:
        return False
    tx.execute("delete from sessions where user_id = ?", (person.id,))
    journal.note(tx, ms(now), "operator", reason="second factor taken away", actor=actor, detail=person.name)
    return True


def _new_codes(tx: Tx, person: Person) -> list[str]:
    tx.execute("delete from recovery_codes where user_id = ?", (person.id,))
    codes = [_code() for _ in range(CODES)]
    for code in codes:
        salt = secrets.token_bytes(8)
        tx.execute(
            "insert into recovery_codes (user_id, salt, digest) values (?, ?, ?)",
            (person.id, salt, _digest(salt, _plain(code))),
        )
    return codes


def _code() -> str:
    """Return 80 random bits, written so that they can be typed."""
    drawn = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(drawn[start : start + 4] for start in range(0, 16, 4))


def _plain(code: str) -> str:
    return "".join(char for char in code.lower() if char.isalnum())[:64]


def _digest(salt: bytes, code: str) -> bytes:
    return hashlib.sha256(salt + code.encode("utf-8", "replace")).digest()
