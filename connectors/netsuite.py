"""NetSuite: a poll of sales orders, invoices and fulfilments by SuiteQL. NetSuite posts nothing without a script.

Long because of three kinds of transaction, their queries and fields, and two ways to sign in.
Facts: Oracle's help on SuiteQL over REST, on token-based authentication and on OAuth 2.0 client credentials, read
2026-11. Not confirmed on a live account: the zone in which SuiteQL writes times (hence the option `time_zone`) and the
letters of the statuses, which may come with their type before them (SalesOrd:B).
Everything a text needs is joined into one query: there is no look-up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Http, Option, Page, PolledOnly
from connectors.kit import ask, mapping
from connectors.kit.scan import Listing, Sight, Window, scan, steps
from model.event import Event
from wire import jwt, reading
from wire.http import Call

EARLIEST = "1970-01-01 00:00:00"
OVERLAP = timedelta(minutes=65)  # stamps are local: once a year the clock goes back by an hour
SIZE = 500
ACCOUNT = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)?")
TOKEN_LIFE = 600  # seconds; at most an hour
QUERY = """
SELECT t.id, t.type, t.tranid, t.status, t.otherrefnum, t.foreigntotal, t.foreignamountunpaid,
TO_CHAR(t.duedate, 'YYYY-MM-DD') AS due, TO_CHAR(t.shipdate, 'YYYY-MM-DD') AS ship,
TO_CHAR(t.lastmodifieddate, 'YYYY-MM-DD HH24:MI:SS') AS changed,
TO_CHAR(t.createddate, 'YYYY-MM-DD HH24:MI:SS') AS created, cur.symbol AS currency, c.id AS customer,
c.altname, c.companyname, c.firstname, c.email, c.mobilephone, c.phone, c.language
FROM transaction t LEFT JOIN customer c ON c.id = t.entity LEFT JOIN currency cur ON cur.id = t.currency
WHERE t.type IN ({types}){which} ORDER BY t.lastmodifieddate {way}, t.id {way}
""".strip().replace("\n", " ")

# type of transaction -> letter of its status -> what it has reached: the word that names the event, and our type
CONFIRMED, FULFILLED = ("confirmed", "order.created"), ("fulfilled", "order.fulfilled")
ISSUED = ("issued", "invoice.issued")
STATES: Mapping[str, Mapping[str, Sequence[tuple[str, str]]]] = {
    "SalesOrd": {
        **dict.fromkeys("BDE", (CONFIRMED,)),  # approved; A waits for approval, H was closed
        **dict.fromkeys("FG", (CONFIRMED, FULFILLED)),
        "C": [("cancelled", "order.cancelled")],
    },
    "CustInvc": {"A": [ISSUED], "B": [ISSUED, ("paid", "invoice.paid")], "V": [("voided", "invoice.voided")]},
    "ItemShip": {"C": [("shipped", "shipment.created")]},
}
# what makes a text about an event wrong
OVERTAKEN = {"order.created": {"cancelled"}, "invoice.issued": {"paid", "voided"}}

RECORD_FIELDS = {
    "id": ("text", "The transaction's internal id."),
    "number": ("text", "The number the customer knows (tranid)."),
    "status": ("text", "The letter NetSuite has for the state: of an order B is pending fulfilment."),
    "customer.id": ("text", "The customer's internal id."),
    "customer.name": ("text", "The customer's name."),
    "customer.first_name": ("text", "A person's first name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The customer's mobile, or else the other number."),
    "customer.locale": ("text", "The customer's language, such as de_DE."),
}
MONEY_FIELDS = {
    "total": ("money", "The total in major units, in the transaction's currency."),
    "currency": ("text", "ISO 4217 code."),
    **RECORD_FIELDS,
}
ORDER_FIELDS = {
    **MONEY_FIELDS,
    "reference": ("text", "The customer's own number for it."),
    "delivery_date": ("date", "When it is to be shipped."),
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("date", "When it is due."),
}
SHIPMENT_FIELDS = {
    **RECORD_FIELDS,
    "status": ("text", "pre_transit: NetSuite tells when the goods leave the warehouse, and no more."),
    "recipient.name": ("text", "The customer's name."),
    "recipient.phone": ("phone", "The customer's number."),
    "recipient.locale": ("text", "The customer's language."),
}


class NetSuite(PolledOnly):
    """One NetSuite account."""

    name = "netsuite"
    title = "Oracle NetSuite"
    category = "ERP"
    docs_url = "https://docs.oracle.com/en/cloud/saas/netsuite/ns-online-help/section_157909186990.html"
    event_types: ClassVar[Mapping[str, str]] = {
        "order.created": "SalesOrd, approved (status B, D, E, F or G)",
        "order.fulfilled": "SalesOrd, shipped in full (status F or G)",
        "order.cancelled": "SalesOrd with status C",
        "invoice.issued": "CustInvc, open or paid (status A or B)",
        "invoice.paid": "CustInvc with status B",
        "invoice.voided": "CustInvc with status V",
        "shipment.created": "ItemShip, shipped (status C)",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(("order.created", "order.fulfilled", "order.cancelled"), ORDER_FIELDS),
        **dict.fromkeys(("invoice.issued", "invoice.paid", "invoice.voided"), INVOICE_FIELDS),
        "shipment.created": SHIPMENT_FIELDS,
    }
    options: ClassVar[Mapping[str, Option]] = {
        "account": Option(text="The account's id, such as 1234567 or 1234567_SB1.", default=""),
        "client_id": Option(text="OAuth 2.0: the integration's client id.", default=""),
        "certificate_id": Option(text="OAuth 2.0: the id of the uploaded certificate.", default=""),
        "private_key": Option(text="OAuth 2.0: the RSA key (PEM) that belongs to it.", default="", secret=True),
        "consumer_key": Option(text="Token-based authentication: the integration's consumer key.", default=""),
        "consumer_secret": Option(text="Token-based: its secret.", default="", secret=True),
        "token_id": Option(text="Token-based: the access token's id.", default=""),
        "token_secret": Option(text="Token-based: its secret.", default="", secret=True),
        "types": Option(text=f"What to poll, of {', '.join(STATES)}.", default=tuple(STATES)),
        "time_zone": Option(text="The zone of the user's preferences, such as America/Los_Angeles.", default=""),
    }
    setup: ClassVar[Sequence[str]] = (
        "Setup > Company > Enable Features > SuiteCloud: REST Web Services and OAuth 2.0 (or token-based).",
        "Make a role that may read transactions and customers, with SuiteAnalytics Workbook and REST Web Services.",
        "OAuth 2.0: an integration with client credentials, and under OAuth 2.0 Client Credentials (M2M) Setup the",
        "certificate of an RSA key of 3072 bits or more. Set `account`, `client_id`, `certificate_id`, `private_key`.",
        "Token-based: set `account`, `consumer_key`, `consumer_secret`, `token_id` and `token_secret`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "What happens is told at the next poll; for more speed a User Event script can post to a generic source.",
        "NetSuite tells nothing when an invoice falls due: schedule a text by `due_date` when it is issued.",
        "A transaction that reaches the same state again is told once. Fulfilments carry no tracking number.",
    )
    poll_every: ClassVar[str] = "5m"
    clock: ClassVar[Callable[[], float]] = time.time  # a signed request says when it was made

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.choices(self.settings, "types", STATES)
        if self.settings["account"] and not ACCOUNT.fullmatch(str(self.settings["account"])):
            raise ValueError("Setting account: expected an id such as 1234567 or 1234567_SB1.")
        key = str(self.settings["private_key"])
        self._key = jwt.private_key(key) if key else None
        if key and self._key is None:
            raise ValueError("Setting private_key: expected an RSA key in PEM.")
        self._zone = mapping.zone(str(self.settings["time_zone"]))
        self._bearer = ask.Bearer("NetSuite", self._token_request)

    @property
    def hosts(self) -> Sequence[str]:
        """The account's own host."""
        account = str(self.settings["account"]).lower().replace("_", "-")
        return (f"{account}.suitetalk.api.netsuite.com" if account else "",)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed transactions, oldest change first."""
        listing = Listing(
            read=lambda window: self._changed(http, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "created"),
            standing=lambda record: [tag for tag, _ in _reached(record)],
            news=lambda sight: self._news(now, sight),
            back=_earlier,
            start=EARLIEST,
        )
        return scan(listing, cursor)

    def _news(self, now: datetime, sight: Sight) -> Iterable[Event]:
        """Yield what is new about a record: each state it had not reached at the last sight."""
        key = f"{reading.text(sight.record, 'type')}/{reading.text(sight.record, 'id')}"
        for tag, event_type in steps(_reached(sight.record), sight):
            yield Event(
                source=self.name,
                type=event_type,
                native_type=reading.text(sight.record, "type"),
                id=f"{key}/{tag}",
                key=key,
                occurred_at=reading.moment(sight.record.get("changed"), zone=self._zone) or now,
                version=_stamp(sight.record),
                data=_data(sight.record),
                raw=sight.record,
            )

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the transaction again; a text about what is cancelled or paid by now is wrong."""
        number = event.key.rpartition("/")[2]
        if not number.isdecimal():
            raise AskFailed("NetSuite's ids are numbers.", permanent=True)
        found = self._search(http, f" AND t.id = {int(number)}", "ASC", 0)[0]
        if not found:
            raise AskFailed("The transaction is not in NetSuite any more.", gone=True)
        if over := {tag for tag, _ in _reached(found[0])} & OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In NetSuite it is {min(over)} by now.", gone=True)
        return replace(event, data=_data(found[0]))

    def _changed(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        way, offset = "DESC" if window.since is None else "ASC", int(window.place or 0)
        since = f" AND t.lastmodifieddate >= TO_DATE('{window.since}', 'YYYY-MM-DD HH24:MI:SS')" if window.since else ""
        records, more = self._search(http, since, way, offset)
        return records, str(offset + SIZE) if more and records else ""

    def _search(self, http: Http, which: str, way: str, offset: int) -> tuple[list[dict[str, Any]], bool]:
        types = ", ".join(f"'{one}'" for one in self.settings["types"])
        query = {"q": QUERY.format(types=types, which=which, way=way)}
        answer = self._ask(http, query, {"limit": str(SIZE), "offset": str(offset)})
        records = [record for record in reading.items(answer, "items") if isinstance(record, dict)]
        return records, reading.flag(answer, "hasMore")

    def _ask(self, http: Http, query: Mapping[str, str], params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "account")
        url = f"https://{self.hosts[0]}/services/rest/query/v1/suiteql"
        call = Call(method="POST", url=url, params=params, json=dict(query), headers={"Prefer": "transient"})
        if self._key is not None:
            ask.needs(self.settings, "client_id", "certificate_id")
            return self._bearer.for_object(http, call)
        ask.needs(self.settings, "consumer_key", "consumer_secret", "token_id", "token_secret")
        proof = self.authorization(call, int(type(self).clock()), uuid.uuid4().hex)
        return ask.for_object(http, replace(call, headers={**call.headers, **proof}), "NetSuite")

    def _token_request(self) -> Call:
        """Build the call for an access token: who we are is said in a JWT signed with the certificate's key."""
        if self._key is None:
            raise AskFailed("No private_key set for this source.", permanent=True)
        url, seconds = f"https://{self.hosts[0]}/services/rest/auth/oauth2/v1/token", int(type(self).clock())
        claims = {
            "iss": str(self.settings["client_id"]),
            "scope": "rest_webservices",
            "aud": url,
            "iat": seconds,
            "exp": seconds + TOKEN_LIFE,
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.sign_ps256(claims, self._key, key_id=str(self.settings["certificate_id"])),
        }
        return Call(method="POST", url=url, form=form)

    def authorization(self, call: Call, timestamp: int, nonce: str) -> dict[str, str]:
        """Return the header of token-based authentication: OAuth 1.0a with HMAC-SHA256 (RFC 5849)."""
        given = {
            "oauth_consumer_key": str(self.settings["consumer_key"]),
            "oauth_nonce": nonce,
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(timestamp),
            "oauth_token": str(self.settings["token_id"]),
            "oauth_version": "1.0",
        }
        pairs = sorted((_escaped(name), _escaped(value)) for name, value in {**given, **call.params}.items())
        listed = "&".join(f"{name}={value}" for name, value in pairs)
        base = "&".join((call.method, _escaped(call.url), _escaped(listed)))
        key = "&".join(_escaped(str(self.settings[name])) for name in ("consumer_secret", "token_secret"))
        given["oauth_signature"] = base64.b64encode(
            hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()
        ).decode()
        realm = str(self.settings["account"]).upper().replace("-", "_")
        parts = [f'realm="{realm}"', *(f'{name}="{_escaped(value)}"' for name, value in given.items())]
        return {"Authorization": "OAuth " + ", ".join(parts)}


def _reached(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a transaction has reached: the word that names the event, and our type."""
    yield from STATES.get(reading.text(record, "type"), {}).get(_letter(record), ())


def _letter(record: Mapping[str, Any]) -> str:
    return reading.text(record, "status").rpartition(":")[2]


def _data(record: Mapping[str, Any]) -> dict[str, Any]:
    person = {
        "id": reading.text(record, "customer"),
        "name": reading.first_text(record, "altname", "companyname", "firstname"),
        "first_name": reading.text(record, "firstname"),
        "email": reading.text(record, "email"),
        "phone": reading.first_text(record, "mobilephone", "phone"),
        "locale": reading.text(record, "language"),
    }
    data: dict[str, Any] = {
        "id": reading.text(record, "id"),
        "number": reading.text(record, "tranid"),
        "status": _letter(record),
        "customer": person,
    }
    kind = reading.text(record, "type")
    if kind == "ItemShip":
        recipient = {name: person[name] for name in ("name", "phone", "locale")}
        return {**data, "status": "pre_transit", "recipient": recipient}
    data |= {"total": reading.amount(record.get("foreigntotal")), "currency": reading.text(record, "currency")}
    if kind == "SalesOrd":
        return {
            **data,
            "reference": reading.text(record, "otherrefnum"),
            "delivery_date": reading.text(record, "ship"),
        }
    due = reading.amount(record.get("foreignamountunpaid"))
    return {**data, "amount_due": due, "due_date": reading.text(record, "due")}


def _stamp(record: Mapping[str, Any], name: str = "changed") -> str:
    """Return a time as the query has it written, in the user's zone; such texts compare like times."""
    try:
        return datetime.fromisoformat(reading.text(record, name)).isoformat(sep=" ", timespec="seconds")[:19]
    except ValueError:
        return EARLIEST


def _earlier(stamp: Any) -> str:
    found = datetime.fromisoformat(str(stamp))
    return EARLIEST if found.year < 1971 else (found - OVERLAP).isoformat(sep=" ", timespec="seconds")


def _escaped(text: str) -> str:
    return quote(text, safe="~")


CONNECTOR = NetSuite
