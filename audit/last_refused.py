"""The newest request each source was refused for, so that somebody can be told why.

Anybody can send a wrong request, so there is one row per configured source and nothing of the request that proves or
means anything: header names without values, the body as its length and digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audit.rows import at, dump, ms
from audit.store import Tx
from model.event import Incoming
from model.reasons import Refused

MOST_HEADERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRefused:
    """A refused request without its secrets. `findings` are sentences for the person who set the source up."""

    source: str
    at: datetime
    reason: str
    detail: str
    method: str
    url: str
    headers: Sequence[str]
    size: int
    digest: str
    findings: Sequence[str]


def described(incoming: Incoming, refusal: Refused, findings: Sequence[str], now: datetime) -> LastRefused:
    """Return what may be kept of a refused request. A token may stand in the query of its address."""
    return LastRefused(
        source=incoming.source,
        at=now,
        reason=refusal.reason.code,
        detail=refusal.detail[:200],
        method=incoming.method[:16],
        url=incoming.url.partition("?")[0],
        headers=sorted(name[:60] for name in incoming.headers)[:MOST_HEADERS],
        size=len(incoming.body),
        digest=hashlib.sha256(incoming.body).hexdigest(),
        findings=tuple(findings),
    )


def keep(tx: Tx, seen: LastRefused) -> None:
    """Write it over what was kept for this source before."""
    tx.execute(
        "insert into last_refused (source, at, reason, detail, method, url, headers, size, digest, findings) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (source) do update set at = excluded.at, "
        "reason = excluded.reason, detail = excluded.detail, method = excluded.method, url = excluded.url, "
        "headers = excluded.headers, size = excluded.size, digest = excluded.digest, findings = excluded.findings",
        (
            seen.source, ms(seen.at), seen.reason, seen.detail, seen.method, seen.url, dump(list(seen.headers)),
            seen.size, seen.digest, dump(list(seen.findings)),
        ),
    )  # fmt: skip


def of(tx: Tx, source: str) -> LastRefused | None:
    """Return the newest request this source was refused for."""
    row = tx.execute("select * from last_refused where source = ?", (source,)).fetchone()
    if row is None:
        return None
    return LastRefused(
        source=row["source"], at=at(row["at"]), reason=row["reason"], detail=row["detail"], method=row["method"],
        url=row["url"], headers=json.loads(row["headers"]), size=row["size"], digest=row["digest"],
        findings=json.loads(row["findings"]),
    )  # fmt: skip
