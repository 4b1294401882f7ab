"""What a test key starts: decided by the same plan, handed to the console gateway, and without a trace in what the
rules remember of real people and records.
"""

from __future__ import annotations

from dataclasses import replace

from audit import events, plans
from audit.facts import StoredFacts
from audit.store import Tx
from dispatch.draft import Moment
from dispatch.plan import plan
from dispatch.route import CONSOLE
from model.event import Event
from model.links import new_code
from model.message import Decision, Plan
from rules.book import Book
from web.api.route import Call


def play(tx: Tx, call: Call, event_id: str) -> None:
    """Plan an event that was just stored, before the planner sees it."""
    book = call.office.desk.book()
    event = events.get(tx, event_id, with_raw=book.uses_raw)
    if event is not None:
        plans.save_plan(tx, event, planned(tx, call, book, event, event_id), call.now)


def planned(tx: Tx, call: Call, book: Book, event: Event, event_id: str) -> Plan:
    """Plan an event as if it were real; of a test key, what comes of it stays simulated."""
    moment = Moment(event_id=event_id, now=call.now, new_id=lambda: call.office.new_id("m"), new_code=new_code)
    if not call.is_test:
        return plan(book, event, StoredFacts(tx, call.now), moment)
    made = plan(book, replace(event, test=False), StoredFacts(tx, call.now), moment)
    # Cancellations, dedupe and throttle would reach the texts of real people.
    return replace(made, decisions=tuple(_simulated(one) for one in made.decisions), cancels=())


def _simulated(decision: Decision) -> Decision:
    if decision.message is None:
        return decision
    message = replace(
        decision.message, gateways=(CONSOLE,), dedupe="", dedupe_until=None, supersede="", throttle_key="", key="",
        recheck=None,
    )  # fmt: skip
    return replace(decision, message=message)
