"""How busy each gateway is right now, from the end of the journal."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from audit.rows import ms
from audit.store import Tx

MINUTE = timedelta(minutes=1)
MOST = 10_000
"""Rows of the journal looked at; a minute that fills more of them is busy enough to know."""

NEWEST = """
select gateway, count(*) as amount from (select kind, gateway, at from journal order by id desc limit :most) as newest
where kind = 'attempt' and at > :since group by gateway
"""


def last_minute(tx: Tx, now: datetime) -> Counter[str]:
    """Count what was handed to each gateway in the last minute."""
    rows = tx.execute(NEWEST, {"most": MOST, "since": ms(now - MINUTE)})
    return Counter({row["gateway"]: row["amount"] for row in rows})
