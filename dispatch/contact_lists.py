"""Lists of contacts as CSV: read row by row, bad rows told and left out."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from audit import contacts
from audit.contacts import Contact
from audit.store import Store, Tx
from dispatch.recipient import Candidate, NoRecipient, resolve

MOST_ROWS, TOGETHER, LONGEST = 200_000, 500, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list held: the contacts, and the rows left out with their line and reason."""

    contacts: list[Contact]
    wrong: list[tuple[int, str]]


def read(lines: Iterable[str], source: str, region: str) -> Listed:
    """Read a CSV with the columns id or email, phone, and optionally name and locale.

    A row without an id is known by its mail address. `region` is the country of numbers without +.
    """
    found: list[Contact] = []
    wrong: list[tuple[int, str]] = []
    rows = csv.DictReader(lines)
    names = {name.strip().lower() for name in rows.fieldnames or ()}
    if "phone" not in names or not names & {"id", "email"}:
        return Listed(contacts=[], wrong=[(1, "the first line must name the columns phone, and id or email")])
    try:
        for row in rows:
            contact = _contact(row, source, region)
            if isinstance(contact, str):
                wrong.append((rows.line_num, contact))
            else:
                found.append(contact)
            if len(found) + len(wrong) >= MOST_ROWS:
                wrong.append((rows.line_num, f"a list holds at most {MOST_ROWS:,} rows; the rest was not read"))
                break
    except csv.Error as error:
        wrong.append((rows.line_num, f"this is not CSV: {error}"))
    return Listed(contacts=found, wrong=wrong)


def keep(store: Store, found: Sequence[Contact], now: datetime) -> None:
    """Write contacts down, some hundred at a time: a long list must not keep webhooks waiting."""
    for start in range(0, len(found), TOGETHER):
        store.write(partial(_note, some=found[start : start + TOGETHER], now=now))


def _note(tx: Tx, some: Sequence[Contact], now: datetime) -> None:
    for contact in some:
        contacts.keep(tx, contact, now)


def _contact(row: Mapping[str, str | None], source: str, region: str) -> Contact | str:
    """Return the contact of a row, or what is wrong with it."""
    # A row longer than the first line has its rest under None, as a list.
    given = {key.strip().lower(): (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    key = given.get("id") or given.get("email", "").lower()
    if not key:
        return "id and email are empty"
    number = resolve([Candidate(field="phone", value=given.get("phone", ""))], region, allow_voip=True)
    if isinstance(number, NoRecipient):
        return number.why
    return Contact(
        source=source, contact=key[:LONGEST], email=given.get("email", "")[:LONGEST], phone=given["phone"][:LONGEST],
        number=number.number, name=given.get("name", "")[:LONGEST], locale=given.get("locale", "")[:20],
    )  # fmt: skip
