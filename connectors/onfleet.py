"""Onfleet: deliveries by one's own drivers, from dispatch to the door.

Facts: docs.onfleet.com "Webhooks", "Webhook payload examples" and "Create webhook", read 2026-11. A webhook belongs to
one trigger. Onfleet greets a new address with ?check= and wants the value back, takes 200 alone as received, and tries
every 30 minutes for a day.
Not confirmed in Onfleet's words, but by several integrations: the secret is hex text, and the digest is SHA-512 in hex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.kit.shipping import FIELDS, Carrier, Scan
from model.event import Answer, Event, Incoming
from wire import reading
from wire.signatures import Hmac

ARRIVING = "custom.shipment.arriving"

# triggerId -> our type and status. Left out: 5 duty, 7 updated (notes, photos), 9 assigned, 10 unassigned, 13 cloned.
TRIGGERS = {
    "6": ("shipment.created", "pre_transit"),  # taskCreated
    "0": ("shipment.updated", "out_for_delivery"),  # taskStarted: the driver is on the way to this stop
    "1": (ARRIVING, "out_for_delivery"),  # taskEta: so many seconds away
    "2": (ARRIVING, "out_for_delivery"),  # taskArrival: so many metres away
    "12": ("shipment.updated", "delayed"),  # taskDelayed
    "3": ("shipment.updated", "delivered"),  # taskCompleted
    "4": ("shipment.updated", "delivery_attempted"),  # taskFailed
    "8": ("shipment.updated", "cancelled"),  # taskDeleted
}
TASK_FIELDS = {
    **FIELDS,
    "id": ("text", "The task's id."),
    "eta_minutes": ("number", "How many minutes the driver still needs, where the event tells."),
    "deliver_after": ("time", "Begin of the agreed window."),
    "deliver_before": ("time", "End of the agreed window."),
    "reason": ("text", "Why a delivery failed, Onfleet's word."),
    "worker": ("text", "The driver's name, where the event tells."),
}


class Onfleet(Carrier):
    """Onfleet organisations."""

    name = "onfleet"
    title = "Onfleet"
    docs_url = "https://docs.onfleet.com/reference/webhooks"
    scheme = Hmac(header="x-onfleet-signature", digest="sha512", key="hex")
    event_types: ClassVar[Mapping[str, str]] = {
        "shipment.created": "taskCreated",
        "shipment.updated": "taskStarted, taskDelayed, taskCompleted, taskFailed or taskDeleted",
        ARRIVING: "taskEta or taskArrival: the driver is near",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, TASK_FIELDS)
    setup: ClassVar[Sequence[str]] = (
        "In Onfleet open Settings > API & Webhooks and add one webhook per trigger, all to the address of this source.",
        "Triggers: Task Started, Task ETA, Task Arrival, Task Completed, Task Failed, and others you have texts for.",
        "Put the webhook secret shown there, a long hexadecimal text, into the environment variable of this source.",
    )
    limits: ClassVar[Sequence[str]] = (
        "If Onfleet's own notifications text the recipient too, switch one of the two off.",
        "Pick-ups (pickupTask) give no event: a driver who collected something has delivered nothing.",
        "Onfleet tells no language. A task made by import fires no taskCreated.",
    )

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Repeat the word that Onfleet greets a new address with."""
        greeting = incoming.query.get("check", "")
        return Answer(body=reading.text(greeting)[:200]) if incoming.method == "GET" and greeting else None

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; a trigger that fires again for the same task has the id of the first."""
        body = reading.json_object(incoming.body)
        trigger, task = reading.required(body, "triggerId"), reading.dig(body, "data.task")
        if trigger not in TRIGGERS or reading.flag(task, "pickupTask"):
            return []
        event_type, status = TRIGGERS[trigger]
        key = reading.required(body, "taskId", "data.task.id")
        at = reading.moment(reading.dig(body, "time"), milliseconds=True)
        native = reading.first_text(body, "triggerName") or f"trigger {trigger}"
        name = {"shipment.created": "created", ARRIVING: f"arriving/{trigger}"}.get(event_type, "")
        data = {**_facts(task, key, status), **_arrival(body, task, at), "native_status": native}
        data["worker"] = reading.text(body, "data.worker.name")
        return [
            self.told(incoming, Scan(key=key, native_type=native, data=data, at=at, event_type=event_type, name=name))
        ]


def _facts(task: Any, key: str, status: str) -> dict[str, Any]:
    people = reading.items(task, "recipients")
    person = next((one for one in people if reading.text(one, "phone")), people[0] if people else None)
    reason = reading.text(task, "completionDetails.failureReason")
    return {
        "id": key,
        "status": status,
        "status_text": reading.text(task, "completionDetails.failureNotes"),
        "reason": "" if reason == "NONE" else reason,
        "carrier": "Onfleet",
        "tracking_number": reading.text(task, "shortId"),
        "tracking_url": reading.text(task, "trackingURL"),
        "order_number": reading.first_text(task, "orderShortId", "merchantOrderId"),
        "deliver_after": reading.iso(reading.moment(reading.dig(task, "completeAfter"), milliseconds=True)),
        "deliver_before": reading.iso(reading.moment(reading.dig(task, "completeBefore"), milliseconds=True)),
        "recipient": {"phone": reading.text(person, "phone"), "name": reading.text(person, "name")},
    }


def _arrival(body: Any, task: Any, at: datetime | None) -> dict[str, Any]:
    """Read when the driver comes: so many seconds from now, or the time Onfleet reckons with."""
    seconds = reading.decimal(reading.dig(body, "etaSeconds"))
    if seconds is not None and at is not None and 0 <= seconds < 86_400:
        eta = at + timedelta(seconds=float(seconds))
        return {"eta": reading.iso(eta), "eta_minutes": max(1, round(float(seconds) / 60))}
    expected = reading.moment(reading.dig(task, "estimatedCompletionTime"), milliseconds=True)
    return {"eta": reading.iso(expected), "eta_minutes": None}


CONNECTOR = Onfleet
