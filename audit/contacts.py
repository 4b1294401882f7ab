"""People as one source knows them, for the events of others that know no phone. Kept for the sources that ask for it.

A contact comes with a contact event or from a list, and goes with its deletion at the source, with an erasure, or when
nothing was heard of it for as long as people are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from re import Pattern
from typing import Any

from audit.rows import ms
from audit.store import Row, Tx

BY_EMAIL = "select * from contacts where source = ? and email = ? and email <> '' order by at desc, id desc limit 1"
BY_ID = "select * from contacts where source = ? and contact = ?"
KEEP = """
insert into contacts (source, contact, email, phone, number, name, locale, at)
values (:source, :contact, :email, :phone, :number, :name, :locale, :at)
on conflict (source, contact) do update set email = excluded.email, phone = excluded.phone, number = excluded.number,
    name = excluded.name, locale = excluded.locale, at = excluded.at where excluded.at >= contacts.at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person. `phone` is as it was written, `number` the same in E.164 where it could be read without guessing."""

    source: str
    contact: str
    email: str = ""
    phone: str = ""
    number: str = ""
    name: str = ""
    locale: str = ""


def keep(tx: Tx, found: Contact, now: datetime) -> None:
    """Write a contact down; an older word on it does not overrule a newer one."""
    tx.execute(KEEP, {
        "source": found.source, "contact": found.contact, "email": found.email.strip().lower(), "phone": found.phone,
        "number": found.number, "name": found.name, "locale": found.locale, "at": ms(now),
    })  # fmt: skip


def forget(tx: Tx, source: str, contact: str) -> None:
    """Remove a contact that its source removed."""
    tx.execute("delete from contacts where source = ? and contact = ?", (source, contact))


def by_email(tx: Tx, source: str, email: str) -> Contact | None:
    """Return the person with a mail address, the one heard of last where several share it."""
    return _of(tx.execute(BY_EMAIL, (source, email.strip().lower())).fetchone())


def by_id(tx: Tx, source: str, contact: str) -> Contact | None:
    """Return the person a source knows by this id."""
    return _of(tx.execute(BY_ID, (source, contact)).fetchone())


def counts(tx: Tx) -> list[Row]:
    """Return how many contacts there are by source, and how many of them have a phone."""
    return tx.execute(
        "select source, count(*) as amount, count(case when phone <> '' then 1 end) as phones from contacts "
        "group by source order by source"
    ).fetchall()


def holding(tx: Tx, number: str, spelled: Pattern[str], customers: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """Yield the contacts of a number's owner: those with the number in any spelling, and those with these ids."""
    known = set(customers)
    for row in tx.execute("select id, source, contact, email, phone, number, name, locale, at from contacts"):
        has_it = row["number"] == number or spelled.search(f"{row['phone']} {row['name']} {row['email']}")
        if has_it or (row["source"], row["contact"]) in known:
            yield row


def _of(row: Row | None) -> Contact | None:
    if row is None:
        return None
    values: dict[str, Any] = {name: row[name] for name in Contact.__dataclass_fields__}
    return Contact(**values)
