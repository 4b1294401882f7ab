"""The ledger of wishes, as the pages and the previews read it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from audit import consent, counts
from audit.consent import Consent
from tests.fakes.stores import open_store

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_who_stopped_everything_is_listed_with_what_was_said_and_who_stopped_less_is_not(tmp_path: Path) -> None:
    said = (
        Consent(number="+447700900101", status="out", source="STOP", at=NOW),
        Consent(number="+447700900102", category="marketing", status="out", source="form", at=NOW),
        Consent(number="+447700900103", status="in", source="form", at=NOW),
    )
    store = open_store(tmp_path / "consent.db")
    store.write(lambda tx: [consent.record(tx, one, NOW) for one in said])

    with store.read() as tx:
        assert counts.opted_out(tx) == {"+447700900101": "STOP"}
    store.close()
