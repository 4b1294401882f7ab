"""The journal: one row for everything that happened, never changed, without numbers and texts."""

from __future__ import annotations

from audit.store import Tx

NOTE = """
insert into journal (at, kind, event_id, message_id, source, type, rule, step, reason, place, gateway, actor, detail,
    proof)
values (:at, :kind, :event_id, :message_id, :source, :type, :rule, :step, :reason, :place, :gateway, :actor, :detail,
    :proof)
"""
COLUMNS = (
    "event_id", "message_id", "source", "type", "rule", "step", "reason", "place", "gateway", "actor", "detail",
    "proof",
)  # fmt: skip
BLANK = dict.fromkeys(COLUMNS, "")

KINDS = {
    "received": "An event came in.",
    "redelivered": "The sender sent an event again; nothing new was planned.",
    "decision": "A rule decided: a text, or a named reason why not.",
    "failed": "Planning an event failed; it needs a person.",
    "replayed": "A person had an event planned again.",
    "attempt": "A message was about to be handed to a gateway.",
    "outcome": "What the gateway answered.",
    "receipt": "What the provider said later.",
    "unconfirmed": "No receipt came in the time a provider has for one.",
    "reply": "A text came back from the phone.",
    "answered": "A reply was bound to what it answers, and its meaning decided.",
    "written_back": "A reply was written to the record of its source, or that was tried.",
    "click": "Somebody followed a short link of a text for the first time.",
    "opt_out": "A person asked to receive no more texts.",
    "opt_in": "A person asked to receive texts again.",
    "ended": "A message ended before it was handed over.",
    "released": "A claim was given back unused.",
    "operator": "A person changed something.",
    "limit": "A cap of the day was nearly used up, used up or raised.",
    "looked_up": "The source was asked for more about an event.",
    "rechecked": "The source was asked once more before a text left.",
    "polled": "A source was asked what changed.",
    "erased": "A person's data was overwritten, here and in all that was kept.",
    "purged": "Data past its time was removed.",
    "rules": "Another version of the rules came into force, or was refused.",
}
"""Every kind of row; docs/glossary.md is made from it."""


def note(tx: Tx, at: int, kind: str, **columns: str) -> int:
    """Write one row at `at` (milliseconds) and return its number."""
    row = tx.execute(NOTE, {**BLANK, "at": at, "kind": kind, **columns})
    return int(row.lastrowid or 0)
