"""Debezium Server: what databases do to their rows, posted as change events.

Facts: debezium.io/documentation (Debezium Server, HTTP Client sink) and debezium/debezium-server (debezium-server-http:
authentication.type standard-webhooks, authentication.webhook.secret, batch.enabled), read 2026-11; the events
themselves in changes.py. Not confirmed by a run: the sink's own delivery.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from connectors.base import Connector, Option
from connectors.kit import changes, mapping
from connectors.kit.changes import Changes
from model.event import EVENT_TYPES, Event, Incoming
from wire.signatures import STANDARD_WEBHOOKS, Scheme, Token

PROOFS: Mapping[str, Scheme] = {"standard_webhooks": STANDARD_WEBHOOKS, "query": Token(query="token")}
OPTIONS = {
    "verify": Option(
        text="How deliveries prove that they are genuine: standard_webhooks, or query (?token= in the address).",
        default="standard_webhooks",
    ),
    **changes.OPTIONS,
}


class Debezium(Connector):
    """Any database that Debezium follows."""

    name = "debezium"
    title = "Debezium"
    category = "generic"
    docs_url = "https://debezium.io/documentation/reference/stable/operations/debezium-server.html"
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    setup: ClassVar[Sequence[str]] = (
        "In Debezium Server set debezium.sink.type=http and debezium.sink.http.url to the address of this source.",
        "Set debezium.sink.http.authentication.type=standard-webhooks and its webhook.secret to our secret.",
        "Set debezium.source.decimal.handling.mode=string, and in PostgreSQL the table's replica identity to full.",
        "Where changes go over Kafka, AMQP or NATS, use that connector with `format = \"debezium\"`.",
    )  # fmt: skip
    limits: ClassVar[Sequence[str]] = (
        "Rows of a snapshot are the baseline and tell nothing; so do truncations.",
        "An update that does not say what was before is kept as unreadable, for nobody can tell what changed in it.",
        "A row that reaches the same status again is told once, unless `id` names a field that differs.",
        "Times in rows that are no times to us (microseconds, days) give way to the time of the commit.",
        "A row whose primary key changes comes as a deletion and a new row.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.check_kinds(OPTIONS, self.settings, changes.KINDS)
        self.scheme = PROOFS[mapping.choice(self.settings, "verify", tuple(PROOFS))]
        self._changes = Changes(self.settings)

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read one change, or a batch of them."""
        return self._changes.read(incoming)


CONNECTOR = Debezium
