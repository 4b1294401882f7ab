"""The versions of the rules: every file that was in force, who put it there, when and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from audit import journal
from audit.rows import at, dump, ms
from audit.store import Row, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version: `files` maps names relative to the rules folder to their content; the first is the main file."""

    number: int
    hash: str
    files: Mapping[str, str]
    at: datetime
    actor: str
    note: str


def put_in_force(tx: Tx, digest: str, files: Mapping[str, str], actor: str, note: str, now: datetime) -> int:
    """Remember a version unless it is the newest already; return its number."""
    row = tx.execute("select id, hash from rule_versions order by id desc limit 1").fetchone()
    if row is not None and row["hash"] == digest:
        return int(row["id"])
    added = tx.execute(
        "insert into rule_versions (hash, content, at, actor, note) values (?, ?, ?, ?, ?)",
        (digest, dump(dict(files)), ms(now), actor, note),
    )
    number = int(added.lastrowid or 0)
    journal.note(tx, ms(now), "rules", reason="in force", actor=actor, detail=f"version {number}, {digest}")
    return number


def newest(tx: Tx, limit: int = 50) -> list[Version]:
    """Return the newest versions first."""
    rows = tx.execute("select id, hash, content, at, actor, note from rule_versions order by id desc limit ?", (limit,))
    return [_version(row) for row in rows]


def get(tx: Tx, number: int) -> Version | None:
    """Return one version."""
    row = tx.execute("select id, hash, content, at, actor, note from rule_versions where id = ?", (number,)).fetchone()
    return _version(row) if row else None


def _version(row: Row) -> Version:
    return Version(
        number=row["id"], hash=row["hash"], files=json.loads(row["content"]), at=at(row["at"]), actor=row["actor"],
        note=row["note"],
    )  # fmt: skip
