"""Reading the journal on as steps of traces: see wire/tracing.py. Neither numbers nor texts nor keys are among them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from audit import kept
from audit.rows import LANES, ms
from audit.store import Row, Store, StoreDown, settled
from model.sending import Outcome
from wire.tracing import FIRST, Send, Step

log = logging.getLogger("tidings.audit")
UPTO = "traces_upto"
BATCH = 500
BATCHES = 20
"""How many batches at a time."""

TOO_OLD = timedelta(hours=1)
"""What a collector did not take for so long is not sent any more."""

NAMES = {"received": FIRST, "decision": "plan", "attempt": "claim", "outcome": "submit", "receipt": "receipt"}
READ = """
select j.id, j.at, j.kind, j.event_id, j.message_id, j.source, j.type, j.rule, j.reason, j.gateway, e.received_at,
    case when j.kind = 'received' then b.headers else '' end as headers,
    m.lane, m.due_at, m.created_at, m.accepted_at, m.event_id as of_event,
    (select max(tried.at) from journal tried where tried.message_id = j.message_id and tried.message_id <> ''
        and tried.kind = 'attempt' and tried.id < j.id and j.kind = 'outcome') as tried_at
from journal j left join events e on e.id = j.event_id left join bodies b on b.id = e.body_id
left join messages m on m.id = j.message_id
where j.id > :after and j.id <= :upto and j.kind in ('received', 'decision', 'attempt', 'outcome', 'receipt')
order by j.id
"""


def tell(store: Store, now: datetime, send: Send) -> int:
    """Send what is new in the journal, in one process at a time; return how many steps were taken.

    The first time it begins with what happens from then on. What is not taken comes again at the next call.
    """
    try:
        with store.leader("traces") as is_ours:
            return _tell(store, now, send) if is_ours else 0
    except StoreDown as error:
        log.warning("traces not read", extra={"detail": str(error)})
        return 0


def _tell(store: Store, now: datetime, send: Send) -> int:
    with store.read() as tx:
        said, newest = kept.recall(tx, UPTO), settled(tx)
    if not said:
        store.write(lambda tx: kept.remember(tx, UPTO, str(newest), now))
        return 0
    first, told = int(said), 0
    done = first
    while done < newest and done < first + BATCH * BATCHES:
        upto = min(done + BATCH, newest)
        steps = [step for step in between(store, done, upto) if step.ended >= ms(now - TOO_OLD)]
        if steps and not send(steps):
            break
        done, told = upto, told + len(steps)
    if done > first:
        store.write(lambda tx: kept.remember(tx, UPTO, str(done), now))
    return told


def between(store: Store, after: int, upto: int) -> Iterable[Step]:
    """Return the steps of a stretch of the journal."""
    with store.read() as tx:
        rows = tx.execute(READ, {"after": after, "upto": upto}).fetchall()
    return [_step(row) for row in rows]


def _step(row: Row) -> Step:
    event = row["event_id"] or row["of_event"] or ""
    lane = LANES[row["lane"]].code if row["lane"] is not None else ""
    facts = {
        "event": event, "message": row["message_id"], "source": row["source"], "type": row["type"],
        "rule": row["rule"], "gateway": row["gateway"], "lane": lane, "reason": row["reason"].partition("[")[0],
    }  # fmt: skip
    return Step(
        name=NAMES[row["kind"]], trace=event or row["message_id"] or str(row["id"]), row=row["id"], facts=facts,
        began=_began(row), ended=row["at"], traceparent=_traceparent(row["headers"]),
        failed=row["kind"] == "outcome" and row["reason"] != Outcome.ACCEPTED.value,
    )  # fmt: skip


def _began(row: Row) -> int:
    """Return when a step began: planning when the event came, a claim when the text was due, and so on."""
    found = {
        "received": row["received_at"],
        "decision": row["received_at"],
        "attempt": max(row["due_at"] or 0, row["created_at"] or 0),
        "outcome": row["tried_at"],
        "receipt": row["accepted_at"],
    }[row["kind"]]
    return min(int(found or row["at"]), int(row["at"]))


def _traceparent(headers: str | None) -> str:
    try:
        found = json.loads(headers or "{}").get("traceparent", "")
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""
