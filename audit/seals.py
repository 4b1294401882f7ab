"""Seals: each covers the journal's rows since the last one and holds the digest of the seal before it.

A row that was changed, removed, inserted or moved no longer fits its mark, a seal that was changed no longer fits its
own digest or the next one's. With a key, kept outside of the database, nobody who can write to the file can make the
digests anew; seals written to another place as well show that the end was cut off. The journal holds no numbers and
no texts, so a person can be erased without breaking a seal (docs/decisions/0012-erasing-without-keys.md).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit import journal
from audit.rows import at, ms
from audit.store import Row, Store, Tx, settled

BATCH = 10_000
"""Rows per seal at most."""
START = "0" * 64
MARK = struct.Struct(">I8s")
COLUMNS = ("at", "kind", *journal.COLUMNS)
ROWS = f"select id, {', '.join(COLUMNS)} from journal where id between ? and ? order by id"  # noqa: S608 - fixed words
SEALS = "select number, first, last, rows, at, previous, digest, marks, purged_at from seals order by number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What is kept of a seal elsewhere."""

    number: int
    last: int
    digest: str

    def line(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps({"seal": self.number, "last": self.last, "digest": self.digest})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a look at all seals found. `unsealed` rows are too new to be under one."""

    seals: int
    rows: int
    unsealed: int
    faults: Sequence[str]


def seal(tx: Tx, key: str, now: datetime) -> Anchor | None:
    """Seal the rows since the last seal; None when there are none."""
    last = tx.execute("select number, last, digest from seals order by number desc limit 1").fetchone()
    number, after, previous = (last["number"] + 1, last["last"], last["digest"]) if last else (1, 0, START)
    top = settled(tx)
    rows = tx.execute(f"{ROWS} limit {BATCH}", (after + 1, top)).fetchall()
    if not rows:
        return None
    marks = b"".join(MARK.pack(row["id"] - after - 1, _mark(row)) for row in rows)
    made = {"number": number, "first": after + 1, "last": rows[-1]["id"], "rows": len(rows), "at": ms(now),
            "previous": previous, "marks": marks}  # fmt: skip
    made["digest"] = _digest(made, key)
    tx.execute(
        "insert into seals (number, first, last, rows, at, previous, digest, marks) "
        "values (:number, :first, :last, :rows, :at, :previous, :digest, :marks)",
        made,
    )
    return Anchor(number=number, last=made["last"], digest=made["digest"])


def newest_at(store: Store) -> datetime | None:
    """Return when the newest seal was made."""
    with store.read() as tx:
        row = tx.execute("select at from seals order by number desc limit 1").fetchone()
    return at(row["at"]) if row else None


def anchors(text: str) -> list[Anchor]:
    """Read anchors written elsewhere, one JSON object per line. Raises ValueError."""
    found = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [Anchor(number=int(one["seal"]), last=int(one["last"]), digest=str(one["digest"])) for one in found]


def verify(
    store: Store,
    key: str = "",
    kept: Sequence[Anchor] = (),
    progress: Callable[[int, int], object] = max,
) -> Verified:
    """Check every seal and every row under it. `progress` is told (rows done, rows in all)."""
    with store.read() as tx:
        found = tx.execute(SEALS).fetchall()
        newest = tx.execute("select max(id) as id from journal").fetchone()["id"] or 0
    faults, done = [*_chain(found, key), *_missing(found, kept)], 0
    for each in found:
        if not each["purged_at"]:
            with store.read() as tx:
                rows = tx.execute(ROWS, (each["first"], each["last"])).fetchall()
            faults += _rows(each, rows)
        done += each["rows"]
        progress(done, newest)
    end = found[-1]["last"] if found else 0
    return Verified(seals=len(found), rows=done, unsealed=max(0, newest - end), faults=faults)


def _mark(row: Row) -> bytes:
    """Hash what a row says, without its place: rows that changed places can then be told from changed ones."""
    said = json.dumps([row[name] for name in COLUMNS], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:8]


def _digest(each: Mapping[str, Any] | Row, key: str) -> str:
    head = json.dumps([each[name] for name in ("number", "first", "last", "rows", "at", "previous")]).encode()
    if key:
        return hmac.new(key.encode(), head + each["marks"], hashlib.sha256).hexdigest()
    return hashlib.sha256(head + each["marks"]).hexdigest()


def _chain(found: Sequence[Row], key: str) -> Iterator[str]:
    number, previous, last = 0, START, 0
    for each in found:
        if each["number"] != number + 1:
            yield f"Seal {number + 1} is missing."
        elif each["previous"] != previous or each["first"] != last + 1:
            yield f"Seal {each['number']} does not follow seal {number}."
        # A purged seal has given up its marks with its rows: that its digest is what it was, the next seal says.
        if not each["purged_at"] and each["digest"] != _digest(each, key):
            yield f"Seal {each['number']} was changed{'' if key else ', or was made with a key'}."
        number, previous, last = each["number"], each["digest"], each["last"]


def _missing(found: Sequence[Row], kept: Sequence[Anchor]) -> Iterator[str]:
    known = {each["number"]: each["digest"] for each in found}
    for anchor in kept:
        if anchor.number not in known:
            yield f"Seal {anchor.number} was written elsewhere and is not here: rows up to {anchor.last} were cut off."
        elif known[anchor.number] != anchor.digest:
            yield f"Seal {anchor.number} is not the one that was written elsewhere."


def _rows(each: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Say which rows under a seal are not what they were."""
    wanted = {each["first"] + offset: mark for offset, mark in MARK.iter_unpack(each["marks"])}
    there = {row["id"]: _mark(row) for row in rows}
    yield from (f"Row {number} of the journal was removed." for number in sorted(wanted.keys() - there.keys()))
    yield from (f"Row {number} of the journal was inserted." for number in sorted(there.keys() - wanted.keys()))
    wrong = [number for number in sorted(wanted.keys() & there.keys()) if wanted[number] != there[number]]
    places = {wanted[number]: number for number in wrong}
    for number in wrong:
        other = places.get(there[number])
        moved = f"holds what row {other} held" if other else "was changed"
        yield f"Row {number} of the journal {moved}."
