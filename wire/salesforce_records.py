"""What Salesforce's objects, fields and statuses mean in our words, and what a source may set differently.

Facts: Salesforce object reference and REST guide, read 2026-10. The usual field names are not confirmed one by one,
hence the settings `types`, `status_fields` and `queries`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from wire import reading

ANY = "*"

# object -> its status -> our type; * is every other status. Objects without a status have * alone.
TYPES: Mapping[str, Mapping[str, str]] = {
    "Order": {
        "Draft": "order.created",
        "Activated": "order.created",
        "Cancelled": "order.cancelled",
        "Canceled": "order.cancelled",
        ANY: "order.updated",
    },
    "Contact": {ANY: "contact.updated"},
    "Lead": {ANY: "contact.updated"},
    "Case": {
        "New": "ticket.created",
        "Closed": "ticket.resolved",
        "Resolved": "ticket.resolved",
        "Solved": "ticket.resolved",
        ANY: "ticket.updated",
    },
    # the calendar's Event has no status: new and moved are told apart by its stamps
    "Event": {"(new)": "appointment.booked", "(changed)": "appointment.rescheduled"},
    "ServiceAppointment": {
        "None": "appointment.booked",
        "Scheduled": "appointment.booked",
        "Rescheduled": "appointment.rescheduled",
        "Canceled": "appointment.cancelled",
        "Cancelled": "appointment.cancelled",
    },
}
ENDED = {
    "Order": "order.cancelled",
    "Contact": "contact.deleted",
    "Lead": "contact.deleted",
    "Event": "appointment.cancelled",
    "ServiceAppointment": "appointment.cancelled",
}
"""What it means that a record was deleted; of other objects it is custom.<object>.deleted."""
STATUS_FIELDS = {"Order": "Status", "Case": "Status", "ServiceAppointment": "Status"}
PERSON = ("FirstName", "LastName", "MobilePhone", "Phone")
QUERIES = {
    "Order": (
        *("OrderNumber", "Status", "TotalAmount", "EffectiveDate", "ShippingCountry", "BillToContactId"),
        *(f"BillToContact.{name}" for name in (*PERSON, "MailingCountry")),
    ),
    "Case": ("CaseNumber", "Subject", "Status", "SuppliedPhone", "ContactId", *(f"Contact.{name}" for name in PERSON)),
    "Contact": (*PERSON, "HomePhone", "MailingCountry"),
    "Lead": (*PERSON, "Country"),
    "Event": ("Subject", "StartDateTime", "EndDateTime", "Location", "WhoId"),
    "ServiceAppointment": (
        *("AppointmentNumber", "Subject", "Status", "SchedStartTime", "SchedEndTime", "ContactId"),
        *(f"Contact.{name}" for name in PERSON),
    ),
}
STARTS = {"Event": "StartDateTime", "ServiceAppointment": "SchedStartTime"}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")

# our name -> (kind, sentence, the native fields it is read from, best first)
Row = tuple[str, str, tuple[str, ...]]
BEFORE = ("", "BillToContact.", "Contact.")
MOBILES = ("MobilePhone", "PersonMobilePhone", "MobilePhone__c", "Mobile__c")
LANDLINES = ("Phone", "Phone__c", "HomePhone")
COUNTRIES = ("MailingCountryCode", "MailingCountry", "CountryCode", "Country")
BASIC: Mapping[str, Row] = {
    "id": ("text", "The record's id, its first 15 characters.", ()),
    "object": ("text", "Salesforce's name of the kind of record, such as Order.", ()),
    "status": ("text", "The status as Salesforce shows it.", ()),
}
PEOPLE: Mapping[str, Row] = {
    "customer.first_name": ("text", "First name.", ("FirstName", "BillToContact.FirstName", "Contact.FirstName")),
    "customer.last_name": ("text", "Last name.", ("LastName", "BillToContact.LastName", "Contact.LastName")),
    "customer.phone": (
        "phone",
        "The mobile, or else the other number.",
        (
            *(before + name for name in MOBILES for before in BEFORE),
            *(before + name for name in LANDLINES for before in BEFORE),
            "SuppliedPhone",
        ),
    ),
    "customer.country": (
        "text",
        "Country, as Salesforce writes it.",
        (
            *COUNTRIES,
            *(f"BillToContact.{name}" for name in COUNTRIES[:2]),
            *("ShippingCountryCode", "ShippingCountry", "BillingCountryCode", "BillingCountry"),
        ),
    ),
}
FAMILIES: Mapping[str, Mapping[str, Row]] = {
    "order": {
        "number": ("text", "The number the customer knows.", ("OrderNumber",)),
        "total": ("money", "The order's total in major units.", ("TotalAmount",)),
        "currency": ("text", "ISO 4217 code, in organisations with several currencies.", ("CurrencyIsoCode",)),
        "date": ("date", "The day the order starts.", ("EffectiveDate",)),
    },
    "contact": {},
    "ticket": {
        "number": ("text", "The case number.", ("CaseNumber",)),
        "subject": ("text", "What it is about.", ("Subject",)),
    },
    "appointment": {
        "number": ("text", "The appointment's number.", ("AppointmentNumber",)),
        "subject": ("text", "What it is about.", ("Subject",)),
        "starts_at": ("time", "When it begins.", ("SchedStartTime", "StartDateTime")),
        "ends_at": ("time", "When it ends.", ("SchedEndTime", "EndDateTime")),
        "place": ("text", "Where it is.", ("Location", "City")),
    },
}
NATIVE = {"fields.*": ("text", "Every field Salesforce sent, under its own name, as text: fields.Industry__c.")}
SENTENCES = {
    "order.created": "Order with Status Draft or Activated",
    "order.updated": "Order with any other Status",
    "order.cancelled": "Order with Status Cancelled; Order deleted",
    "contact.updated": "Contact, Lead",
    "contact.deleted": "Contact, Lead, deleted",
    "ticket.created": "Case with Status New",
    "ticket.updated": "Case with any other Status",
    "ticket.resolved": "Case with Status Closed, Resolved or Solved",
    "appointment.booked": "ServiceAppointment with Status Scheduled; Event when new",
    "appointment.rescheduled": "ServiceAppointment whose start moved (poll); Event when changed",
    "appointment.cancelled": "ServiceAppointment with Status Canceled; it or an Event deleted",
}

READERS: Mapping[str, Callable[[str], str | None]] = {
    "money": reading.amount,
    "time": lambda value: reading.iso(reading.moment(value)),
}


def native(record: Mapping[str, Any]) -> dict[str, Any]:
    """Write a polled record as a pushed one would be: all values as text, empty ones left out."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found[name] = native(value)
        elif written := str(value).lower() if isinstance(value, bool) else reading.text(value):
            found[name] = written
    return found


def data(event_type: str, name: str, short: str, status: str, native: dict[str, Any]) -> dict[str, Any]:
    """Return what rules may name: our fields, read from the native ones, which come along as they are."""
    family = FAMILIES.get(event_type.partition(".")[0])
    shown = "" if status.startswith("(") else status
    filled: dict[str, Any] = {"id": short, "object": name, "status": shown, "fields": native}
    if family is None:
        return filled
    for path, (kind, _, sources) in {**family, **PEOPLE}.items():
        found = reading.first_text(native, *sources)
        outer, _, last = path.rpartition(".")
        place = filled.setdefault(outer, {}) if outer else filled
        place[last] = READERS[kind](found) if kind in READERS else found
    return filled


def queries(given: Any) -> dict[str, tuple[str, ...]]:
    """Check the names: they are written into the query as they are."""
    found: dict[str, tuple[str, ...]] = {}
    for name, columns in table_of("queries", given).items():
        if not isinstance(columns, list | tuple):
            raise ValueError(f"Setting queries.{name}: expected a list of fields, found {reading.kind(columns)}.")
        found[name] = tuple(columns) or QUERIES.get(name, ())
        for word in (name, *found[name]):
            if not (isinstance(word, str) and NAME.fullmatch(word)):
                raise ValueError(f"Setting queries.{name}: {word!r} is not a name of Salesforce.")
        if not found[name]:
            raise ValueError(f"Setting queries.{name}: name the fields to read; there is no usual list for it.")
    return found


def fields_of(setting: str, given: Any) -> dict[str, str]:
    """Check a table of objects and one field of each."""
    for name, column in table_of(setting, given).items():
        if not (isinstance(column, str) and NAME.fullmatch(column)):
            raise ValueError(f"Setting {setting}.{name}: {column!r} is not a field of Salesforce.")
    return dict(given)


def table_of(name: str, given: Any) -> dict[str, Any]:
    """Check that a setting is a table."""
    if not isinstance(given, Mapping):
        raise ValueError(f"Setting {name}: expected a table, found {reading.kind(given)}.")
    return dict(given)
