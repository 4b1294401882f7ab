"""Short links as they are kept: written with their message, read when somebody follows one, emptied when they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from audit.rows import at, ms
from audit.store import Store, Tx
from model.links import PLACEHOLDER, new_code
from model.message import Message

PAGE = 1_000
"""Links that are emptied in one go: nobody should wait for more of them at once."""

SAVE = """
insert into links (code, message_id, target, expires_at) values (:code, :message_id, :target, :expires_at)
on conflict (code) do update set expires_at = excluded.expires_at where links.message_id = excluded.message_id
"""
OF_MESSAGE = """
select code, target, expires_at, clicks, clicked_at, last_at, looks from links where message_id = ? order by code
"""
EXPIRE = """
update links set target = '' where code in (
    select code from links where expires_at <= ? and target <> '' order by expires_at limit ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A link and who followed it: `clicks` by people, `looks` by programs that make previews."""

    code: str
    target: str
    expires_at: datetime
    clicks: int
    clicked_at: datetime | None
    last_at: datetime | None
    looks: int


def save(tx: Tx, message: Message) -> None:
    """Write the links of a message; one that it had before stays, and ends later. Raises ValueError for a preview's."""
    for link in message.links:
        if link.code == PLACEHOLDER:
            raise ValueError(f"message {message.id} has the link of a preview")
        values = {
            "code": link.code, "message_id": message.id, "target": link.target, "expires_at": ms(link.expires_at)
        }  # fmt: skip
        if not tx.execute(SAVE, values).rowcount:
            raise ValueError(f"message {message.id} drew the code of another link")


def codes_of(tx: Tx, message_id: str) -> Callable[[str], str]:
    """Return what gives the links of a message their codes when it is written anew: to the same target, the same."""
    known = {row["target"]: row["code"] for row in tx.execute(OF_MESSAGE, (message_id,)) if row["target"]}
    return lambda target: known.get(target) or new_code(target)


def of_message(tx: Tx, message_id: str) -> list[Kept]:
    """Return the links of a message."""
    return [
        Kept(
            code=row["code"], target=row["target"], expires_at=at(row["expires_at"]), clicks=row["clicks"],
            clicked_at=at(row["clicked_at"]) if row["clicked_at"] else None,
            last_at=at(row["last_at"]) if row["last_at"] else None, looks=row["looks"],
        )
        for row in tx.execute(OF_MESSAGE, (message_id,))
    ]  # fmt: skip


def leads_to(tx: Tx, code: str, now: datetime) -> str | None:
    """Return where a link leads: "" once it has ended, None where there is no such link."""
    row = tx.execute("select target, expires_at from links where code = ?", (code,)).fetchone()
    if row is None:
        return None
    return str(row["target"]) if row["expires_at"] > ms(now) else ""


def expire(store: Store, now: datetime) -> int:
    """Forget where links led that have ended; return how many those were."""
    done = 0
    while found := store.write(lambda tx: tx.execute(EXPIRE, (ms(now), PAGE)).rowcount):
        done += found
    return done
