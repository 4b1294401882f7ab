"""Business systems that send as badly as the real ones do, each by the rules its documentation or source shows.

Each keeps the truth (its records), answers polls and look-ups from it, and posts webhooks until its own rules stop it.
A minute of theirs is `MINUTE` seconds here. Facts: the vendors' pages and sources, read 2026-11.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import connectors
from model.event import Incoming
from tests.fakes.answering import Answer, Asked

MINUTE = 1.0
SECRET = "user:a-secret-of-the-senders"
STAMP = "%Y-%m-%dT%H:%M:%S"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Sender(ABC):
    """One system. `patience` is how long it waits for an answer, in seconds."""

    hook: str
    records: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[float, int, bytes, dict[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    slowest: float = 0.0
    patience: ClassVar[float] = 10.0
    connector: ClassVar[str]

    @abstractmethod
    def settings(self, address: str) -> dict[str, Any]:
        """Return the source's settings, with our API at `address`."""

    @abstractmethod
    def happens(self, number: int) -> None:
        """Let something happen that a customer wants to hear of, and tell it."""

    @abstractmethod
    def answers(self, asked: Asked) -> Answer | None:
        """Answer the system's API; None where the request is not for it."""

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Post once, signed as the system signs; 0 means that nobody answered in time."""
        parts = urlsplit(self.hook)
        incoming = Incoming(source=self.connector, url=self.hook, headers=headers, body=body)
        signed = connectors.load(self.connector)({}).sign(incoming, SECRET, now())
        began, status = time.monotonic(), 0
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=self.patience)
        try:
            path = parts.path + "".join(f"?{name}={value}" for name, value in signed.query.items())
            connection.request("POST", path, signed.body, dict(signed.headers))
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        self.slowest = max(self.slowest, time.monotonic() - began if status else 0.0)
        self.statuses.append(status)
        return status

    def try_again(self) -> None:
        """Post what is due by the system's own plan of repetitions."""
        due = [one for one in self.waiting if one[0] <= time.monotonic()]
        self.waiting = [one for one in self.waiting if one not in due]
        for _, tried, body, headers in due:
            self.attempt(body, headers, tried)

    def attempt(self, body: bytes, headers: dict[str, str], tried: int = 0) -> None:
        """Post, and do what the system does after a failure. By default nothing: it never comes again."""
        self.post(body, headers)


@dataclass(slots=True)
class WooCommerce(Sender):
    """Never tries again, disables the webhook with the 7th failure in a row, and names two deliveries of one second
    alike (class-wc-webhook.php).
    """

    failures: int = 0
    connector: ClassVar[str] = "woocommerce"

    def settings(self, address: str) -> dict[str, Any]:
        return {"shop_url": address, "consumer_key": "k", "consumer_secret": "s"}

    @property
    def is_disabled(self) -> bool:
        return self.failures > 6

    def happens(self, number: int) -> None:
        stamp = now().strftime(STAMP)
        order = {
            "id": number, "number": str(number), "status": "processing", "currency": "EUR", "total": "10.00",
            "date_created_gmt": stamp, "date_modified_gmt": stamp, "date_paid_gmt": stamp, "customer_id": 0,
            "billing": {"first_name": "Zoë", "phone": "+491713920012", "country": "DE"},
        }  # fmt: skip
        self.records.append(order)
        if not self.is_disabled:
            second = hashlib.md5(stamp.encode(), usedforsecurity=False).hexdigest()
            headers = {
                "content-type": "application/json", "x-wc-webhook-topic": "order.created",
                "x-wc-webhook-resource": "order", "x-wc-webhook-event": "created", "x-wc-webhook-delivery-id": second,
            }  # fmt: skip
            self.attempt(json.dumps(order).encode(), headers)

    def attempt(self, body: bytes, headers: dict[str, str], tried: int = 0) -> None:
        self.failures = 0 if 200 <= self.post(body, headers) <= 302 else self.failures + 1

    def answers(self, asked: Asked) -> Answer | None:
        if not asked.path.startswith("/wp-json/wc/v3/orders"):
            return None
        after = asked.query.get("modified_after", "")
        found = [one for one in self.records if one["date_modified_gmt"] > after]
        found.sort(key=lambda one: (one["date_modified_gmt"], one["id"]), reverse=asked.query["order"] == "desc")
        size, page = int(asked.query["per_page"]), int(asked.query["page"])
        return 200, found[(page - 1) * size : page * size]


@dataclass(slots=True)
class Pipedrive(Sender):
    """Tries 3 more times after 3 s, 30 s and 150 s; after 10 first tries that failed it sends nothing for 30 minutes,
    and what happens meanwhile is never told (Guide for Webhooks v2).
    """

    failures: int = 0
    banned_until: float = 0.0
    connector: ClassVar[str] = "pipedrive"
    again: ClassVar[tuple[float, ...]] = (0.05 * MINUTE, 0.5 * MINUTE, 2.5 * MINUTE)

    def settings(self, address: str) -> dict[str, Any]:
        return {"api_token": "t", "api_url": address}

    def happens(self, number: int) -> None:
        stamp = now().strftime(STAMP) + "Z"
        person = {
            "id": number, "name": f"Person {number}", "first_name": "Greta", "add_time": stamp, "update_time": stamp,
            "phones": [{"label": "mobile", "value": "+491713920013", "primary": True}], "emails": [],
        }  # fmt: skip
        self.records.append(person)
        if time.monotonic() < self.banned_until:
            return
        meta = {"action": "create", "entity": "person", "entity_id": str(number), "id": f"m{number}", "version": "2.0",
                "timestamp": now().isoformat(timespec="milliseconds").replace("+00:00", "Z")}  # fmt: skip
        body = json.dumps({"meta": meta, "data": person, "previous": None}).encode()
        self.attempt(body, {"content-type": "application/json"})

    def attempt(self, body: bytes, headers: dict[str, str], tried: int = 0) -> None:
        if 200 <= self.post(body, headers) < 300:
            return
        if tried == 0:
            self.failures += 1
            if self.failures >= 10:
                self.banned_until, self.failures = time.monotonic() + 30 * MINUTE, 0
                self.waiting.clear()
                return
        if tried < len(self.again):
            self.waiting.append((time.monotonic() + self.again[tried], tried + 1, body, headers))

    def answers(self, asked: Asked) -> Answer | None:
        if not asked.path.startswith("/api/v2/"):
            return None
        since = asked.query.get("updated_since", "")
        found = [one for one in self.records if one["update_time"] >= since] if asked.path.endswith("persons") else []
        found.sort(key=lambda one: (one["update_time"], one["id"]), reverse=asked.query["sort_direction"] == "desc")
        start, size = int(asked.query.get("cursor") or 0), int(asked.query["limit"])
        following = str(start + size) if len(found) > start + size else None
        return 200, {"data": found[start : start + size], "additional_data": {"next_cursor": following}}


@dataclass(slots=True)
class HubSpot(Sender):
    """Gathers events into one request, waits 5 s for it, and repeats the whole batch up to 10 times, with another
    attempt number and in any order (Webhooks v3). A repeated batch mixes old events with new ones here.
    """

    batch: list[dict[str, Any]] = field(default_factory=list)
    connector: ClassVar[str] = "hubspot"
    patience: ClassVar[float] = 5.0

    def settings(self, address: str) -> dict[str, Any]:
        return {"access_token": "t", "api_url": address, "portal_id": "77"}

    def happens(self, number: int) -> None:
        at = int(now().timestamp() * 1000)
        values = {
            "firstname": "Ann",
            "mobilephone": "+491713920014",
            "createdate": str(at),
            "lastmodifieddate": str(at),
        }
        self.records.append({"id": str(number), "properties": values, "createdAt": now().isoformat(),
                             "updatedAt": now().isoformat()})  # fmt: skip
        self.batch.append({"eventId": number, "subscriptionId": 1, "portalId": 77, "appId": 1, "occurredAt": at,
                           "subscriptionType": "contact.creation", "attemptNumber": 0, "objectId": number})  # fmt: skip
        if len(self.batch) == 3:
            body, self.batch = list(reversed(self.batch)), self.batch[-1:]
            self.attempt(json.dumps(body).encode(), {"content-type": "application/json"})

    def attempt(self, body: bytes, headers: dict[str, str], tried: int = 0) -> None:
        if 200 <= self.post(body, headers) < 300 or tried >= 10:
            return
        again = [{**one, "attemptNumber": tried + 1} for one in json.loads(body)]
        self.waiting.append((time.monotonic() + 0.3 * MINUTE, tried + 1, json.dumps(again).encode(), headers))

    def answers(self, asked: Asked) -> Answer | None:
        if not asked.path.startswith("/crm/v3/objects/"):
            return None
        if not asked.path.endswith("/search"):
            last = asked.path.rpartition("/")[2]
            found = next((one for one in self.records if one["id"] == last), None)
            return (200, found) if found else (404, {})
        if "contacts" not in asked.path:
            return 200, {"results": []}
        wanted = asked.json()
        rule, order = wanted["filterGroups"][0]["filters"][0], wanted["sorts"][0]
        name = rule["propertyName"]
        listed = [one for one in self.records if int(one["properties"].get(name, 0)) >= int(rule["value"])]
        listed.sort(key=lambda one: int(one["properties"][name]), reverse=order["direction"] == "DESCENDING")
        return 200, {"results": listed[: wanted["limit"]]}


@dataclass(slots=True)
class BusinessCentral(Sender):
    """Tries again after 408, 429, 5xx and when nobody answers; any other no deletes the subscription for good
    (dynamics-subscriptions.md). Its notifications hold no data.
    """

    is_deleted: bool = False
    connector: ClassVar[str] = "business_central"
    place: ClassVar[str] = "companies(c-1)/salesOrders"

    def settings(self, address: str) -> dict[str, Any]:
        return {"tenant": "t-1", "client_id": "app", "client_secret": "s", "company_id": "c-1", "api_url": address,
                "login_url": address, "entities": ["salesOrders"], "currency": "EUR"}  # fmt: skip

    def happens(self, number: int) -> None:
        stamp = now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        order = {
            "id": f"00000000-0000-0000-0000-{number:012d}", "number": str(number), "orderDate": stamp[:10],
            "customerName": "Imogen", "phoneNumber": "+491713920015", "currencyCode": "", "status": "Open",
            "totalAmountIncludingTax": 10, "fullyShipped": False, "lastModifiedDateTime": stamp,
        }  # fmt: skip
        self.records.append(order)
        if self.is_deleted:
            return
        told = {"subscriptionId": "s1", "clientState": "", "resource": f"api/v2.0/{self.place}({order['id']})",
                "changeType": "created", "lastModifiedDateTime": stamp,
                "expirationDateTime": "2030-01-01T00:00:00Z"}  # fmt: skip
        self.attempt(json.dumps({"value": [told]}).encode(), {"content-type": "application/json"})

    def attempt(self, body: bytes, headers: dict[str, str], tried: int = 0) -> None:
        status = self.post(body, headers)
        if status in {0, 408, 429} or status >= 500:
            self.waiting.append((time.monotonic() + 0.4 * MINUTE, tried + 1, body, headers))
        elif not 200 <= status < 300:
            self.is_deleted = True

    def answers(self, asked: Asked) -> Answer | None:
        if asked.path.endswith("/oauth2/v2.0/token"):
            return 200, {"access_token": "t", "expires_in": 3599}
        if self.place not in asked.path:
            return None
        if not asked.path.endswith("salesOrders"):
            found = next((one for one in self.records if one["id"] in asked.path), None)
            return (200, found) if found else (404, {})
        since = asked.query.get("$filter", "").rpartition(" ")[2]
        listed = [one for one in self.records if one["lastModifiedDateTime"] >= since]
        listed.sort(key=lambda one: one["lastModifiedDateTime"], reverse="desc" in asked.query["$orderby"])
        skip, size = int(asked.query["$skip"]), int(asked.query["$top"])
        return 200, {"value": listed[skip : skip + size]}


@dataclass(slots=True)
class Odoo(Sender):
    """Waits one second for an answer and never comes again, with no id and no signature (ir_actions.py)."""

    connector: ClassVar[str] = "odoo"
    patience: ClassVar[float] = 1.0
    partner: ClassVar[dict[str, Any]] = {"id": 17, "name": "Nils", "phone": "+491713920016", "lang": "de_DE"}

    def settings(self, address: str) -> dict[str, Any]:
        return {"url": address, "api_key": "k", "models": ["sale.order"]}

    def happens(self, number: int) -> None:
        stamp = now().strftime("%Y-%m-%d %H:%M:%S")
        order = {
            "id": number, "name": f"S{number}", "state": "sale", "amount_total": 10.0, "currency_id": [1, "EUR"],
            "partner_id": [17, "Nils"], "commitment_date": False, "create_date": stamp, "write_date": stamp,
        }  # fmt: skip
        self.records.append(order)
        body = json.dumps({"_action": "Tell(#1)", "_id": number, "_model": "sale.order", **order}, sort_keys=True)
        self.attempt(body.encode(), {"content-type": "application/json"})

    def answers(self, asked: Asked) -> Answer | None:
        if not asked.path.startswith("/json/2/"):
            return None
        if asked.path.endswith("/fields_get"):
            return 200, {name: {"type": "char"} for name in self.partner}
        if "res.partner" in asked.path:
            return 200, [self.partner]
        wanted = asked.json()
        found = self.records
        for name, sign, value in wanted["domain"]:
            found = [one for one in found if (one[name] == value if sign == "=" else one[name] >= value)]
        way = "desc" in wanted.get("order", "")
        found = sorted(found, key=lambda one: (one["write_date"], one["id"]), reverse=way)
        start = wanted.get("offset", 0)
        return 200, found[start : start + wanted["limit"]]


SENDERS: tuple[type[Sender], ...] = (WooCommerce, Pipedrive, HubSpot, BusinessCentral, Odoo)
