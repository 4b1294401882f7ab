"""Microsoft Dynamics 365 (Dataverse): people, deals, cases, appointments, orders and bills, pushed and polled.

Long because of seven tables with their columns, states and fields, by webhook and poll.
Facts: MicrosoftDocs/powerapps-docs use-webhooks.md, the Web API v9.2, "Default status and status reason values", read
2026-11. Not confirmed: shipto_telephone and billto_telephone, that a repeated delivery has the same OperationId.
A webhook is the context a plug-in would get. An update holds the changed columns only, and above 256 KB nothing but
ids, so records are looked up. A state reached is named the same in webhook and poll, and is one event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, audiences, mapping, microsoft, naming
from connectors.kit.scan import Listing, Sight, Window, scan_each
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import dataverse, reading
from wire.dataverse import LOGICAL
from wire.http import Call
from wire.signatures import Token

STAMP = Stamps()
OVERLAP, SIZE, MANY = timedelta(minutes=5), 100, 1000
GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
SHOWN = "@OData.Community.Display.V1.FormattedValue"
ANNOTATED = f'odata.include-annotations="{LOGICAL[1:]},{SHOWN[1:]}"'
PEOPLE = {
    "contact": ("contacts", ("firstname", "lastname", "fullname", "emailaddress1", "address1_country", "donotphone")),
    "lead": ("leads", ("firstname", "lastname", "fullname", "emailaddress1", "address1_country", "donotphone")),
    "account": ("accounts", ("name", "emailaddress1", "address1_country", "donotphone", "_primarycontactid_value")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that tells something: its name in addresses, its columns, and our types for what becomes of a record.

    `states` are our types by statecode, `otherwise` that of any other; `people` are the columns that name its person.
    """

    plural: str
    born: str
    ended: str = ""
    states: Mapping[str, str] | None = None
    otherwise: str = ""
    people: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    has_money: bool = False


TABLES = {
    "contact": Table(plural="contacts", born="contact.created", ended="contact.deleted"),
    "lead": Table(plural="leads", born="contact.created", ended="contact.deleted"),
    "opportunity": Table(
        plural="opportunities", born="custom.deal.created", ended="custom.deal.deleted", has_money=True,
        states={"1": "custom.deal.won", "2": "custom.deal.lost"}, otherwise="custom.deal.updated",
        people=("_parentcontactid_value", "_customerid_value"), columns=("name", "estimatedvalue", "actualvalue"),
    ),
    "incident": Table(
        plural="incidents", born="ticket.created",
        states={"1": "ticket.resolved"}, otherwise="ticket.updated",
        people=("_primarycontactid_value", "_customerid_value"), columns=("ticketnumber", "title"),
    ),
    "appointment": Table(
        plural="appointments", born="appointment.booked", ended="appointment.cancelled",
        states={"2": "appointment.cancelled"},
        people=("_regardingobjectid_value",), columns=("subject", "scheduledstart", "scheduledend", "location"),
    ),
    "salesorder": Table(
        plural="salesorders", born="order.created", ended="custom.order.deleted", has_money=True,
        states={"2": "order.cancelled", "3": "order.fulfilled"}, otherwise="order.updated",
        people=("_customerid_value",), columns=("ordernumber", "totalamount", "shipto_telephone", "billto_telephone"),
    ),
    "invoice": Table(
        plural="invoices", born="invoice.issued", ended="invoice.voided", has_money=True,
        states={"2": "invoice.paid", "3": "invoice.voided"},
        people=("_customerid_value",), columns=("invoicenumber", "totalamount", "duedate", "billto_telephone"),
    ),
}  # fmt: skip
CHANGED = {"custom.deal.updated", "ticket.updated", "order.updated", "appointment.rescheduled"}
# what makes a text about an event wrong: the statecode of its record by now
OVERTAKEN = {
    "invoice.issued": {"2", "3"},
    "order.created": {"2"},
    "order.updated": {"2"},
    "ticket.created": {"1", "2"},
    "ticket.updated": {"1", "2"},
    "appointment.booked": {"2"},
    "appointment.rescheduled": {"2"},
    "custom.deal.created": {"2"},
    "custom.deal.updated": {"2"},
}

BASE_FIELDS = {
    "id": ("text", "The record's id."),
    "table": ("text", "Its table's name, such as incident."),
    "country": ("text", "The person's country, as Dynamics writes it (looked up)."),
    "customer.id": ("text", "The contact's, lead's or account's id (looked up)."),
    "customer.name": ("text", "Full name, or an account's name (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.last_name": ("text", "Last name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The first column of `phones` that is not empty, or the document's own (looked up)."),
    "customer.do_not_phone": ("bool", "The person's preference Do not allow phone calls (looked up)."),
}
MONEY_FIELDS = {
    "total": ("money", "The amount in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
}
MORE_FIELDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "contact": {},
    "deal": {
        "title": ("text", "The opportunity's name (looked up)."),
        "status": ("text", "Its status, in the words of the organisation's language (looked up)."),
        **MONEY_FIELDS,
    },
    "ticket": {
        "number": ("text", "The case number (looked up)."),
        "subject": ("text", "What it is about (looked up)."),
        "status": ("text", "Its status, in the words of the organisation's language (looked up)."),
    },
    "appointment": {
        "starts_at": ("time", "When it begins."),
        "ends_at": ("time", "When it ends (looked up)."),
        "service": ("text", "The appointment's subject (looked up)."),
        "location": ("text", "Where it is (looked up)."),
    },
    "order": {
        "number": ("text", "The order number (looked up)."),
        "status": ("text", "Its status, in the words of the organisation's language (looked up)."),
        **MONEY_FIELDS,
    },
    "invoice": {
        "number": ("text", "The invoice number (looked up)."),
        "status": ("text", "Its status, in the words of the organisation's language (looked up)."),
        "due_date": ("date", "When it is due (looked up)."),
        **MONEY_FIELDS,
    },
}


class Dynamics(Connector):
    """One Dataverse environment."""

    name = "dynamics"
    title = "Microsoft Dynamics 365"
    category = "CRM"
    docs_url = "https://learn.microsoft.com/power-apps/developer/data-platform/use-webhooks"
    scheme = Token(query="code")
    event_types: ClassVar[Mapping[str, str]] = {
        "contact.created": "Create of contact or lead",
        "contact.updated": "Update of contact or lead",
        "contact.deleted": "Delete of contact or lead",
        "ticket.created": "Create of incident",
        "ticket.updated": "Update of incident to another status",
        "ticket.resolved": "Update of incident to statecode 1",
        "appointment.booked": "Create of appointment",
        "appointment.rescheduled": "Update of appointment with another scheduledstart",
        "appointment.cancelled": "Update of appointment to statecode 2; Delete",
        "order.created": "Create of salesorder",
        "order.updated": "Update of salesorder to another state",
        "order.fulfilled": "Update of salesorder to statecode 3",
        "order.cancelled": "Update of salesorder to statecode 2",
        "custom.order.deleted": "Delete of salesorder",
        "invoice.issued": "Create of invoice",
        "invoice.paid": "Update of invoice to statecode 2",
        "invoice.voided": "Update of invoice to statecode 3; Delete",
        "custom.deal.created": "Create of opportunity",
        "custom.deal.updated": "Update of opportunity to another state",
        "custom.deal.won": "Update of opportunity to statecode 1",
        "custom.deal.lost": "Update of opportunity to statecode 2",
        "custom.deal.deleted": "Delete of opportunity",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: {**BASE_FIELDS, **MORE_FIELDS[naming.area(event_type)]} for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="The environment's address, such as https://acme.crm4.dynamics.com.", default=""),
        **microsoft.OPTIONS,
        "key_header": Option(text="The header that holds the secret, for authentication HttpHeader.", default=""),
        "tables": Option(text="What is polled.", default=("opportunity", "incident", "appointment", "salesorder")),
        "phones": Option(text="Columns with a person's number, best first.", default=("mobilephone", "telephone1")),
    }
    asks: ClassVar[Sequence[str]] = ("url", "login_url")
    setup: ClassVar[Sequence[str]] = (
        "In the Plug-in Registration Tool register a webhook: the address of this source, authentication WebhookKey.",
        "Its value is the secret of this source (it comes as ?code=); or choose HttpHeader and set `key_header`.",
        "Register asynchronous steps, PostOperation, for Create, Update and Delete of the tables you have rules for.",
        "For Update choose statecode, statuscode and scheduledstart as filtering attributes, and a post image.",
        "Register an application in Microsoft Entra, make it an application user that may read those tables,",
        "and set `url`, `tenant`, `client_id` and `client_secret`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "The key is the only proof, and no time is signed: use HTTPS.",
        "Dynamics waits 60 s and tries once more after 502, 503 and 504 alone: let it poll.",
        "A record that reaches the same state again is told once.",
        "Above 256 KB an update comes without columns: what became of the record is then told by the poll, if at all.",
        "Changed people and deleted records come by webhook only. An appointment's person is the one it regards.",
    )
    poll_every: ClassVar[str] = "5m"
    audience_query: ClassVar[str] = "OData: contacts?$select=fullname,mobilephone&$filter=donotbulkemail eq false"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.choices(self.settings, "tables", TABLES)
        if self.settings["key_header"]:
            self.scheme = Token(header=str(self.settings["key_header"]))
        self._url = self.address("url")
        self._session = microsoft.session(self, f"{self._url}/.default")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One request is one event; changes without a text to send give none."""
        body = reading.json_object(incoming.body)
        message, name = reading.required(body, "MessageName"), reading.required(body, "PrimaryEntityName")
        record_id = reading.required(body, "PrimaryEntityId").lower()
        if name not in TABLES:
            return []
        if not GUID.fullmatch(record_id):
            reading.bad_shape("Field PrimaryEntityId is no id.")
        changed = dataverse.attributes(dataverse.parameter(body, "Target"))
        record = {**changed, **dataverse.attributes(reading.dig(body, "PostEntityImages.0.value")), "id": record_id}
        what = self._told(message, name, changed, record)
        if what is None and message == "Update" and TABLES[name].states is None:
            what = "contact.updated", f"changed-{reading.required(body, 'OperationId')}"
        at = dataverse.moment(reading.dig(body, "OperationCreatedOn"))
        return [self._event(incoming, name, record, what, at)] if what else []

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record and the person it is about."""
        name, _, record_id = event.key.partition("/")
        return replace(event, data=self._complete(name, self._record(http, name, record_id), http), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; one that was deleted is gone, and so is what a later state makes wrong."""
        name, _, record_id = event.key.partition("/")
        record = self._record(http, name, record_id)
        if reading.text(record, "statecode") in OVERTAKEN.get(event.type, set()):
            raise AskFailed("In Dynamics it was closed meanwhile.", gone=True)
        return replace(event, data=self._complete(name, record, http))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each table."""
        return scan_each({str(name): self._listing(http, str(name), now) for name in self.settings["tables"]}, cursor)

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a table, a page at a time."""
        prefer = f"{ANNOTATED},odata.maxpagesize={MANY}"
        base = f"{self._url}/api/data/v9.2"
        yield from audiences.odata_records(query, base, lambda path, params: self._json(http, path, params, prefer))

    def _told(
        self, message: str, name: str, changed: Mapping[str, Any], record: Mapping[str, Any]
    ) -> tuple[str, str] | None:
        """Return our type for what a webhook says of a record, and the word that names the event."""
        table = TABLES[name]
        if message == "Create":
            return table.born, "created"
        if message == "Delete":
            return (table.ended, "deleted") if table.ended else None
        if message != "Update":
            return None
        told = {"statecode", "statuscode"} if name == "incident" else {"statecode"}
        reached = _reached(name, record) if told & set(changed) else None
        start = reading.moment(reading.dig(changed, "scheduledstart"))
        return reached or (("appointment.rescheduled", f"start-{reading.iso(start)}") if start else None)

    def _event(
        self, incoming: Incoming, name: str, record: Mapping[str, Any], what: tuple[str, str], at: datetime | None
    ) -> Event:
        record_id, data = reading.text(record, "id"), self._data(name, record, {})
        is_whole = TABLES[name].states is None and bool(data["customer"]["phone"])
        changed = reading.moment(reading.dig(record, "modifiedon")) or at
        return Event(
            source=incoming.source,
            type=what[0],
            native_type=name,
            id=f"{name}/{record_id}/{what[1]}",
            key=f"{name}/{record_id}",
            occurred_at=at or incoming.received_at,
            version=STAMP.of(changed) if changed else "",
            data=data,
            raw=record,
            lookup="" if what[1] == "deleted" or is_whole else f"{name}/{record_id}",
        )

    def _listing(self, http: Http, name: str, now: datetime) -> Listing:
        incoming, table = Incoming(source=self.name, received_at=now), TABLES[name]

        def news(sight: Sight) -> Iterator[Event]:
            record, state = sight.record, reading.text(sight.record, "statecode")
            whats = [(table.born, "created")] if sight.is_new else []
            standing = _standing(name, record)
            if (reached := _reached(name, record)) and (sight.is_new or standing[:2] != sight.before[:2]):
                whats.append(reached)
            if not sight.is_new and state != "2" and standing[2] not in {"", sight.before[2]}:
                whats.append(("appointment.rescheduled", f"start-{standing[2]}"))
            for what in whats:
                if not (sight.is_new and what[0] in CHANGED):
                    yield self._event(incoming, name, record, what, reading.moment(record.get("modifiedon")))

        return Listing(
            read=lambda window: self._changed(http, name, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "createdon"),
            standing=lambda record: _standing(name, record),
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )

    def _complete(self, name: str, record: dict[str, Any], http: Http) -> dict[str, Any]:
        if name in PEOPLE:
            return self._data(name, record, record)
        for column in TABLES[name].people:
            kind, whose = reading.text(record.get(f"{column}{LOGICAL}")), reading.text(record, column)
            if kind in PEOPLE and GUID.fullmatch(whose):
                return self._data(name, record, ask.if_there(partial(self._person, http, kind, whose)))
        return self._data(name, record, {})

    def _person(self, http: Http, kind: str, whose: str) -> dict[str, Any]:
        """Fetch who a record is about; of a company the person it names."""
        found = self._record(http, kind, whose)
        named = reading.text(found, "_primarycontactid_value")
        return self._record(http, "contact", named) if kind == "account" and GUID.fullmatch(named) else found

    def _data(self, name: str, record: Mapping[str, Any], person: Mapping[str, Any]) -> dict[str, Any]:
        person = record if name in PEOPLE else person
        phones = map(str, self.settings["phones"])
        data: dict[str, Any] = {
            "id": reading.text(record, "id"),
            "table": name,
            "country": reading.text(person, "address1_country"),
            "customer": {
                "id": reading.text(person, "id"),
                "name": reading.first_text(
                    person, "fullname", *(() if name in TABLES and person is record else ("name",))
                ),
                "first_name": reading.text(person, "firstname"),
                "last_name": reading.text(person, "lastname"),
                "email": reading.text(person, "emailaddress1"),
                "phone": reading.first_text(person, *phones)
                or reading.first_text(record, "shipto_telephone", "billto_telephone"),
                "do_not_phone": reading.flag(person, "donotphone"),
            },
        }
        return data | _facts(name, record)

    def _columns(self, name: str) -> dict[str, str]:
        """Say which columns are wanted, and the currency where there is one."""
        phones = [str(one) for one in self.settings["phones"] if name != "account" or one != "mobilephone"]
        wanted = [*PEOPLE[name][1], *phones] if name in PEOPLE else [*TABLES[name].columns, *TABLES[name].people]
        money = {"$expand": "transactioncurrencyid($select=isocurrencycode)"}
        select = {"$select": ",".join([*wanted, "statecode", "statuscode", "createdon", "modifiedon"])}
        return {**select, **(money if name in TABLES and TABLES[name].has_money else {})}

    def _record(self, http: Http, name: str, record_id: str) -> dict[str, Any]:
        plural = PEOPLE[name][0] if name in PEOPLE else TABLES[name].plural
        found = self._json(http, f"{plural}({quote(record_id, safe='-')})", self._columns(name), ANNOTATED)
        return {**found, "id": record_id}

    def _changed(self, http: Http, name: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of a table. `place` is the query of the next one, as Dynamics wrote it."""
        key = "activityid" if name == "appointment" else f"{name}id"
        way = "desc" if window.since is None else "asc"
        since = {} if window.since is None else {"$filter": f"modifiedon ge {window.since}"}
        params = {**self._columns(name), "$orderby": f"modifiedon {way},{key} {way}", **since}
        path = f"{TABLES[name].plural}?{window.place}" if window.place else TABLES[name].plural
        found = self._json(http, path, {} if window.place else params, f"{ANNOTATED},odata.maxpagesize={SIZE}")
        listed = [
            {**one, "id": reading.text(one, key)} for one in reading.items(found, "value") if isinstance(one, dict)
        ]
        after = found.get("@odata.nextLink")
        return listed, urlsplit(after).query if listed and isinstance(after, str) and len(after) < 8000 else ""

    def _json(self, http: Http, path: str, params: Mapping[str, str], prefer: str) -> dict[str, Any]:
        ask.needs(self.settings, "url", *microsoft.NEEDED)
        call = Call(method="GET", url=f"{self._url}/api/data/v9.2/{path}", params=params, headers={"Prefer": prefer})
        return ask.for_object(self._session.over(http), call, "Dynamics")


def _reached(name: str, record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return our type for the state of a record, and the word that names the event; a case also tells its status."""
    table, state = TABLES[name], reading.text(record, "statecode")
    event_type = (table.states or {}).get(state) or (table.otherwise if state else "")
    status = f"-{reading.text(record, 'statuscode')}" if event_type == "ticket.updated" else ""
    return (event_type, f"reached-{state}{status}") if event_type else None


def _standing(name: str, record: Mapping[str, Any]) -> list[str]:
    """Return what makes two sights of a record the same: its state, a case's status, and when it starts."""
    start = reading.iso(reading.moment(record.get("scheduledstart"))) or ""
    return [reading.text(record, "statecode"), reading.text(record, "statuscode") if name == "incident" else "", start]


def _facts(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Read what only this kind of record has."""
    status = {"status": reading.text(record.get(f"statuscode{SHOWN}"))}
    money = {
        "total": reading.amount(reading.first_text(record, "totalamount", "actualvalue", "estimatedvalue")),
        "currency": reading.text(record, "transactioncurrencyid.isocurrencycode"),
    }
    if name == "opportunity":
        return {"title": reading.text(record, "name"), **status, **money}
    if name == "incident":
        return {"number": reading.text(record, "ticketnumber"), "subject": reading.text(record, "title"), **status}
    if name == "salesorder":
        return {"number": reading.text(record, "ordernumber"), **status, **money}
    if name == "invoice":
        due = reading.text(record, "duedate")[:10] or None
        return {"number": reading.text(record, "invoicenumber"), "due_date": due, **status, **money}
    if name == "appointment":
        return {
            "starts_at": reading.iso(reading.moment(record.get("scheduledstart"))),
            "ends_at": reading.iso(reading.moment(record.get("scheduledend"))),
            "service": reading.text(record, "subject"),
            "location": reading.text(record, "location"),
        }
    return {}


def _stamp(record: Any, name: str = "modifiedon") -> str:
    return STAMP.of(reading.moment(reading.dig(record, name)))


CONNECTOR = Dynamics
