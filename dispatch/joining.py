"""An event that knows no phone gets it from the contacts of another source, before it is planned.

Only what is missing is filled in, and only from what we were told before: nobody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit import contacts, plans
from audit.contacts import Contact
from audit.store import Tx
from dispatch.recipient import Candidate, NoRecipient, resolve
from model.event import Event
from model.message import Plan
from model.reasons import Because
from wire import reading

PHONES = (
    "phone", "customer.phone", "customer.mobile", "recipient.phone", "shipping_address.phone", "billing_address.phone",
)  # fmt: skip
PERSON = ("customer", "")
"""Where contact events tell about the person: below `customer`, else at the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Whose contacts are looked through for a source, and which field of its events names the person."""

    source: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The event with what was found, and what was tried, for the decision that still finds nobody."""

    event: Event
    tried: str = ""


def join(tx: Tx, event: Event, joins: Mapping[str, Join]) -> Joined:
    """Fill in the phone, name and language of an event that has no phone."""
    wanted = joins.get(event.source)
    if wanted is None or any(reading.text(reading.dig(event.data, path)) for path in PHONES):
        return Joined(event=event)
    value = reading.text(reading.dig(event.data, wanted.by))
    if not value:
        return Joined(event=event, tried=f"{wanted.by} is empty, so no contact of {wanted.source} could be looked up")
    is_email = wanted.by.rpartition(".")[2] == "email"
    look = contacts.by_email if is_email else contacts.by_id
    found = look(tx, wanted.source, value)
    if found is None:
        return Joined(event=event, tried=f"{wanted.source} has told of no contact with the {wanted.by} of this event")
    if not found.phone:
        return Joined(event=event, tried=f"the contact {found.contact} of {wanted.source} has no phone either")
    return Joined(event=_filled(event, found), tried=f"phone of the contact {found.contact} of {wanted.source}")


def join_and_keep(tx: Tx, event_id: str, event: Event, joins: Mapping[str, Join]) -> Joined:
    """Fill an event in, and write down what it was filled with."""
    joined = join(tx, event, joins)
    if joined.event is not event:
        plans.fill_in(tx, event_id, joined.event)
    return joined


def explained(plan: Plan, joined: Joined) -> Plan:
    """Say in the decisions that found nobody what was tried."""
    if not joined.tried:
        return plan
    said = tuple(
        replace(one, detail=f"{one.detail}; {joined.tried}") if one.because is Because.NO_RECIPIENT else one
        for one in plan.decisions
    )
    return replace(plan, decisions=said)


def learn(tx: Tx, event: Event, joins: Mapping[str, Join], now: datetime) -> None:
    """Keep the person a contact event tells about, where some source looks through these contacts."""
    if not event.type.startswith("contact.") or event.source not in {one.source for one in joins.values()}:
        return
    person = contact_of(event)
    if event.type == "contact.deleted":
        contacts.forget(tx, event.source, person.contact)
    elif person.contact:
        contacts.keep(tx, person, max(event.occurred_at, datetime.fromtimestamp(0, tz=now.tzinfo)))


def contact_of(event: Event) -> Contact:
    """Read the person out of a contact event."""
    said = {name: _said(event, name) for name in ("phone", "mobile", "email", "name", "locale", "id")}
    phone = said["mobile"] or said["phone"]
    name = said["name"] or f"{_said(event, 'first_name')} {_said(event, 'last_name')}".strip()
    country = reading.text(reading.dig(event.data, "country"))
    return Contact(
        source=event.source, contact=said["id"] or event.key, email=said["email"], phone=phone,
        number=number_of(phone, country if len(country) == 2 else ""), name=name, locale=said["locale"],
    )  # fmt: skip


def number_of(phone: str, region: str) -> str:
    """Return a phone in E.164, "" where it cannot be read without guessing its country."""
    found = resolve([Candidate(field="phone", value=phone)], region.upper(), allow_voip=True)
    return "" if isinstance(found, NoRecipient) else found.number


def _said(event: Event, name: str) -> str:
    return reading.first_text(event.data, *(f"{place}.{name}".lstrip(".") for place in PERSON))


def _filled(event: Event, found: Contact) -> Event:
    """Add what is missing below `customer`, and for parcels below `recipient`."""
    known = {"phone": found.number or found.phone, "name": found.name, "email": found.email, "locale": found.locale}
    data: dict[str, Any] = dict(event.data)
    for place in ("customer", *(("recipient",) if event.type.startswith("shipment.") else ())):
        there = data.get(place)
        kept = dict(there) if isinstance(there, Mapping) else {}
        data[place] = {**kept, **{name: value for name, value in known.items() if value and not kept.get(name)}}
    first = found.name.partition(" ")[0]
    if first and not data["customer"].get("first_name"):
        data["customer"]["first_name"] = first
    return replace(event, data=data)
