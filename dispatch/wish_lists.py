"""Lists of wishes as CSV: read row by row, bad rows told and left out. The command line and the console share it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from audit import consent
from audit.consent import Consent
from audit.rows import at
from audit.store import Row, Store, Tx
from dispatch.recipient import Candidate, NoRecipient, resolve

COLUMNS = ("number", "category", "status", "source", "wording", "channel", "actor", "at")
STATUSES = ("in", "out")
LONGEST = 1_000
MOST_ROWS, TOGETHER = 200_000, 500


class BadRow(ValueError):  # noqa: N818 - names what is wrong
    """A row that cannot be written down, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list held: the wishes, and the rows left out with their line and reason."""

    wishes: list[Consent]
    wrong: list[tuple[int, str]]


def read(lines: Iterable[str], blank: Consent, region: str, now: datetime) -> Listed:
    """Read a CSV with the columns number, category, status, and optionally source, wording and at.

    `blank` gives what a row leaves out, and who imports; `region` is the country of numbers without +.
    """
    wishes: list[Consent] = []
    wrong: list[tuple[int, str]] = []
    rows = csv.DictReader(lines)
    missing = {"number", "status"} - {name.strip().lower() for name in rows.fieldnames or ()}
    if missing:
        return Listed(wishes=[], wrong=[(1, f"the first line must name the columns {' and '.join(sorted(missing))}")])
    try:
        for row in rows:
            try:
                wishes.append(_wish(row, blank, region, now))
            except BadRow as error:
                wrong.append((rows.line_num, str(error)))
            if len(wishes) + len(wrong) >= MOST_ROWS:
                wrong.append((rows.line_num, f"a list holds at most {MOST_ROWS:,} rows; the rest was not read"))
                break
    except csv.Error as error:
        wrong.append((rows.line_num, f"this is not CSV: {error}"))
    return Listed(wishes=wishes, wrong=wrong)


def keep(store: Store, wishes: Sequence[Consent], now: datetime) -> None:
    """Write wishes down, some hundred at a time: a long list must not keep webhooks waiting."""
    for start in range(0, len(wishes), TOGETHER):
        some = wishes[start : start + TOGETHER]
        store.write(partial(_note, wishes=some, now=now))


def _note(tx: Tx, wishes: Sequence[Consent], now: datetime) -> None:
    for wish in wishes:
        consent.record(tx, wish, now)


def _wish(row: Mapping[str, str | None], blank: Consent, region: str, now: datetime) -> Consent:
    # A row longer than the first line has its rest under None, as a list.
    given = {name.strip().lower(): (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    status = given.get("status", "").lower()
    if status not in STATUSES:
        raise BadRow(f"status must be in or out, not {status[:40]!r}")
    return replace(
        blank, number=number_of(given.get("number", ""), region), status=status, category=given.get("category", ""),
        source=given.get("source") or blank.source, wording=(given.get("wording") or blank.wording)[:LONGEST],
        at=_time(given.get("at", ""), now),
    )  # fmt: skip


def number_of(text: str, region: str) -> str:
    """Return a phone number in E.164. Raises BadRow."""
    found = resolve([Candidate(field="number", value=text)], region, allow_voip=True)
    if isinstance(found, NoRecipient):
        raise BadRow(found.why)
    return found.number


def _time(text: str, now: datetime) -> datetime:
    """Read when somebody said so; a time without a zone is UTC, none at all is now."""
    if not text:
        return now
    try:
        value = datetime.fromisoformat(text)
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRow(f"at must be a time such as 2026-11-23T08:00+01:00, not {text[:40]!r}") from None
    if value > now:
        raise BadRow(f"at lies in the future: {text[:40]}")
    return value


def exported(rows: Iterable[Row]) -> Iterator[list[str]]:
    """Yield a ledger as CSV rows, the names of the columns first."""
    yield list(COLUMNS)
    for row in rows:
        yield [row[name] if name != "at" else at(row["at"]).isoformat(timespec="seconds") for name in COLUMNS]
