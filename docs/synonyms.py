"""Words others have for ours: listed in the glossary, and refused in names by tests/test_words.py."""

from __future__ import annotations

SYNONYMS = {
    "addressee": "recipient",
    "blast": "campaign",
    "broadcast": "campaign",
    "callback": "receipt or reply",
    "deliveries": "incoming, for requests; delivered is what becomes of texts",
    "delivery": "incoming, for requests; delivered is what becomes of texts",
    "destination": "recipient, or number",
    "dlr": "receipt",
    "msg": "message",
    "msgs": "messages",
    "notification": "message, for texts; incoming, for requests",
    "notifications": "messages, for texts; incoming, for requests",
    "optout": "opt_out",
    "trigger": "event, or rule",
    "unsubscribe": "opt_out",
    "unsubscribed": "opted_out",
    "vendor": "provider, or source",
    "workflow": "rule",
    "workflows": "rules",
}


def table() -> str:
    """Write them as a table, with what stands for them here."""
    rows = [f"| {word} | {ours} |" for word, ours in SYNONYMS.items()]
    return "\n".join(["| Elsewhere | Here |", "| --- | --- |", *rows, ""])
