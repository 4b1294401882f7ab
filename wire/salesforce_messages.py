"""What Salesforce posts: Outbound Messages (SOAP), and change and platform events that a relay posts as JSON.

Facts: Salesforce help "Outbound Message Notifications", Change Data Capture guide, read 2026-10; the envelope of Event
Relay (Amazon EventBridge), read 2026-11. A relay may post an EventBridge event, a CometD or Pub/Sub message, its
payload alone, or a list of these. Not confirmed: whether a relay writes times as ISO or as milliseconds, so both are
read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from model.reasons import Refused
from wire import reading

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)
PAYLOADS = ("detail.payload", "data.payload", "payload", "detail")
KINDS = ("detail-type", "channel", "data.channel", "topicName", "topic")
IDS = ("payload.EventUuid", "event.EventUuid", "data.event.EventUuid", "detail.payload.EventUuid", "detail.id", "id")
TIME = re.compile(r"(Date|DateTime|Time|Modstamp)(__c)?\Z")
MILLISECONDS = 10**11  # smaller numbers are no times


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One record, or one platform event, that Salesforce told of.

    `change` is CREATE, UPDATE, DELETE or UNDELETE as Change Data Capture writes it, PUBLISHED for a platform event, ""
    where the whole record came. `is_gap`: its fields did not fit and are missing.
    """

    name: str
    native: dict[str, Any]
    id: str
    change: str = ""
    at: datetime | None = None
    is_gap: bool = False


def read(body: bytes) -> list[Notice]:
    """Return what is told in a body. Of a list, odd entries are left out as long as one makes sense."""
    if not body.lstrip().startswith((b"{", b"[")):
        return _notified(body)
    posted = reading.json_body(body)
    notices: list[Notice] = []
    trouble: Refused | None = None
    for one in posted if isinstance(posted, list) else [posted]:
        try:
            notices += _relayed(one)
        except Refused as refusal:
            trouble = refusal
    if trouble and not notices:
        raise trouble
    return notices


def organization(body: bytes) -> str:
    """Return the id of the organisation a body says it comes from, "" where it does not."""
    if not body.lstrip().startswith((b"{", b"[")):
        return _text(_notifications(body), "OrganizationId")
    posted = reading.json_body(body)
    source = reading.text(posted, "source").removeprefix("aws.partner/salesforce.com/")
    return source.partition("/")[0]


def _notifications(body: bytes) -> Element:
    """Read the envelope, without entities, document types or anything fetched from elsewhere."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        reading.bad_shape(f"The body is not XML: {type(error).__name__}.")
    found: Element | None = root.find(f"{SOAP}Body/{OUTBOUND}notifications")
    if found is None:
        reading.bad_shape("The body is no Outbound Message.")
    return found


def _notified(body: bytes) -> list[Notice]:
    """Records deleted before the message left have no data and give none."""
    found = _notifications(body).findall(f"{OUTBOUND}Notification")
    if not found:
        reading.bad_shape("The message holds no Notification.")
    return [notice for one in found if (notice := _record(one))]


def _record(notification: Element) -> Notice | None:
    record = notification.find(f"{OUTBOUND}sObject")
    if record is None:
        return None
    native = {_local(field.tag): value for field in record if (value := reading.text(field.text or ""))}
    name = _name(_local(record.get(XSI_TYPE, "")))
    if not native.get("Id") or not name:
        return None
    notified = _text(notification, "Id") or f"{name}/{native['Id']}/{native.get('LastModifiedDate', '')}"
    return Notice(name=name, native=native, id=notified)


def _relayed(message: Any) -> Iterator[Notice]:
    payload = next((one for path in PAYLOADS if isinstance(one := reading.dig(message, path), dict)), message)
    header = reading.dig(payload, "ChangeEventHeader")
    fields = payload if isinstance(payload, dict) else {}
    native = _flat({name: value for name, value in fields.items() if name != "ChangeEventHeader"})
    if not isinstance(header, dict):
        yield _published(message, payload, native)
        return
    name, change = _name(reading.required(header, "entityName")), reading.required(header, "changeType")
    at = reading.moment(reading.dig(header, "commitTimestamp"), milliseconds=True)
    transaction = f"{reading.text(header, 'transactionKey')}-{reading.text(header, 'sequenceNumber')}"
    if change == "GAP_OVERFLOW" or not name:
        return
    for record_id in filter(None, map(reading.text, reading.items(header, "recordIds"))):
        yield Notice(
            name=name,
            native={**native, "Id": record_id},
            id=f"{transaction}/{record_id[:15]}",
            change=change.removeprefix("GAP_"),
            at=at,
            is_gap=change.startswith("GAP_"),
        )


def _published(message: Any, payload: Any, native: dict[str, Any]) -> Notice:
    """Read a platform event: its name is in the envelope, its id in EventUuid where the relay keeps it."""
    name = _name(reading.first_text(message, *KINDS).rpartition("/")[2])
    if not name.endswith("__e"):
        reading.bad_shape("The body is neither a change event nor a platform event with its name (Name__e).")
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()[
        :32
    ]
    known = reading.text(payload, "EventUuid") or reading.first_text(message, *IDS)
    return Notice(
        name=name, native=native, id=known or digest, change="PUBLISHED", at=reading.moment(native.get("CreatedDate"))
    )


def _flat(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write a change event's fields as a record has them: parts of names and addresses stand on their own."""
    found: dict[str, Any] = {}
    for name, value in payload.items():
        if isinstance(value, dict):
            before = name.removesuffix("Address") if name.endswith("Address") else ""
            found |= {
                reading.text(f"{before}{part}"): written
                for part, inner in value.items()
                if (written := _written(part, inner))
            }
        elif written := _written(name, value):
            found[reading.text(name)] = written
    return found


def _written(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value > MILLISECONDS and TIME.search(name):
        found = reading.iso(reading.moment(value, milliseconds=True)) or ""
        is_day = not re.search(r"Time(__c)?\Z", name) and found.endswith("T00:00:00Z")
        return found.partition("T")[0] if is_day else found
    return reading.text(value)


def _name(found: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", reading.text(found))[:80]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2]


def _text(element: Element, name: str) -> str:
    return reading.text(element.findtext(f"{OUTBOUND}{name}") or "")
