"""Lists of contacts as CSV or XLSX: read row by row, bad rows told and left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from audit import contacts
from audit.contacts import Contact
from audit.store import Store, Tx
from dispatch.recipient import Candidate, NoRecipient, resolve
from wire.table import Table, bare

MOST_ROWS, TOGETHER, LONGEST = 200_000, 500, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list held: the contacts, and the rows left out with their line and reason."""

    contacts: list[Contact]
    wrong: list[tuple[int, str]]


def read(table: Table, source: str, region: str) -> Listed:
    """Read a table with the columns id or email, phone, and optionally name and locale. Raises BadTable.

    A row without an id is known by its mail address. `region` is the country of numbers without +.
    """
    found: list[Contact] = []
    wrong: list[tuple[int, str]] = []
    names = [name.lower() for name in table.columns]
    if "phone" not in names or not {"id", "email"} & set(names):
        return Listed(contacts=[], wrong=[(1, "the first line must name the columns phone, and id or email")])
    for line in table.lines:
        given = {name: bare(cell).strip() for name, cell in zip(names, line.cells, strict=False) if name}
        contact = next(iter(line.faults.values()), "") or _contact(given, source, region)
        if isinstance(contact, str):
            wrong.append((line.row, contact))
        else:
            found.append(contact)
        if len(found) + len(wrong) >= MOST_ROWS:
            wrong.append((line.row, f"a list holds at most {MOST_ROWS:,} rows; the rest was not read"))
            break
    return Listed(contacts=found, wrong=wrong)


def keep(store: Store, found: Sequence[Contact], now: datetime) -> None:
    """Write contacts down, some hundred at a time: a long list must not keep webhooks waiting."""
    for start in range(0, len(found), TOGETHER):
        store.write(partial(_note, some=found[start : start + TOGETHER], now=now))


def _note(tx: Tx, some: Sequence[Contact], now: datetime) -> None:
    for contact in some:
        contacts.keep(tx, contact, now)


def _contact(given: Mapping[str, str], source: str, region: str) -> Contact | str:
    """Return the contact of a row, or what is wrong with it."""
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
