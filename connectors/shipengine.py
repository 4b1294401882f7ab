"""ShipEngine, and the webhooks of ShipStation's API version 2, which are the same: tracking of labels and parcels.

Facts: docs.shipstation.com "Webhook payload schemas" (TRACK_EVENT_V2) and the ShipEngine OpenAPI document, read
2026-11. Not confirmed: the signature, which is RSA over timestamp, dot and body with keys from api.shipengine.com/jwks
and is described by integrators only. The door asks nobody, so a token in a header of your choosing is the proof here,
and the keys are checked besides where they are set.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.base import Option
from connectors.kit.shipping import FIELDS, Carrier, Scan
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.signatures import Token

TYPES = frozenset({"API_TRACK", "TRACK_EVENT_V2"})
WINDOW = timedelta(minutes=5)
SIGNATURE, KEY_ID, TIMESTAMP = (
    f"x-shipengine-{name}" for name in ("rsa-sha256-signature", "rsa-sha256-key-id", "timestamp")
)

# status_code, or status_code/status_detail_code where that says more
STATUSES = {
    "UN": "unknown",
    "NY": "pre_transit",  # "not yet in system"
    "AC": "picked_up",  # "accepted" by the carrier; not confirmed that it has the parcel then
    "IT": "in_transit",
    "IT/OUT_FOR_DELIVERY": "out_for_delivery",
    "SP": "available_for_pickup",  # delivered to a service point, so not yet to the recipient
    "AT": "delivery_attempted",
    "EX": "exception",
    "EX/RETURN_TO_SENDER": "returning",
    "DE": "delivered",
}


class ShipEngine(Carrier):
    """ShipEngine accounts, and ShipStation accounts by API version 2."""

    name = "shipengine"
    title = "ShipEngine"
    docs_url = "https://docs.shipstation.com/apis/docs/guides/webhooks-schemas"
    scheme = Token(header="x-tidings-token")
    statuses = STATUSES
    event_types: ClassVar[Mapping[str, str]] = {"shipment.updated": "API_TRACK or TRACK_EVENT_V2, once per status"}
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        "shipment.updated": {
            **FIELDS,
            "carrier_status": ("text", "The carrier's own code."),
            "delivered_at": ("time", "When it was delivered."),
        }
    }
    options: ClassVar[Mapping[str, Option]] = {
        **Carrier.options,
        "keys": Option(text="ShipEngine's public keys, the JSON of api.shipengine.com/jwks; then checked too."),
    }
    setup: ClassVar[Sequence[str]] = (
        "Choose a long random token and put it into the environment variable of this source.",
        "Create a webhook for API_TRACK (ShipStation: TRACK_EVENT_V2) to the address of this source.",
        "Give it a custom header X-Tidings-Token that holds the token.",
        "Better still, set `keys` besides: then the signature is checked as well.",
        "The events carry no phone: set `recipient_url`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Not confirmed: the signature, custom headers and the finer codes (status_detail_code).",
        "ShipEngine changes its keys from time to time; events are refused then until `keys` is set anew.",
        "Batches, rates and carriers give no event.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._keys = _keys(self.settings["keys"]) if self.settings["keys"] else None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the token, and the signature where the keys are known."""
        super().verify(incoming, secrets, now)
        if self._keys is not None:
            _check(self._keys, incoming, now)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; a further scan in the same status has the id of the first."""
        body = reading.json_object(incoming.body)
        native, found = reading.required(body, "resource_type"), reading.dig(body, "data")
        if native not in TYPES:
            return []
        data = self._data(found)
        at, _ = _latest(found)
        if data["status"] == "delivered":
            at = reading.moment(reading.dig(found, "actual_delivery_date")) or at
        scan = Scan(key=reading.required(found, "tracking_number"), native_type=native, at=at, data=data)
        return [self.told(incoming, scan)]

    def _data(self, found: Any) -> dict[str, Any]:
        native, detail = reading.text(found, "status_code"), reading.text(found, "status_detail_code")
        return {
            "status": self.status_of(f"{native}/{detail}", native),
            "native_status": native,
            "status_detail": detail,
            "status_text": reading.first_text(found, "carrier_status_description", "status_description"),
            "carrier_status": reading.text(found, "carrier_status_code"),
            "carrier": reading.text(found, "carrier_code"),
            "tracking_number": reading.text(found, "tracking_number"),
            "tracking_url": reading.text(found, "tracking_url"),
            "eta": reading.iso(reading.moment(reading.dig(found, "estimated_delivery_date"))),
            "delivered_at": reading.iso(reading.moment(reading.dig(found, "actual_delivery_date"))),
            "country": reading.text(_latest(found)[1], "country_code") if native == "DE" else "",
        }


def _latest(found: Any) -> tuple[datetime | None, Any]:
    """Return when the newest scan was made, and the scan; the order of the list is not promised."""
    scans = [
        (moment, scan)
        for scan in reading.items(found, "events")
        if (moment := reading.moment(reading.dig(scan, "occurred_at")))
    ]
    return max(scans, key=lambda one: one[0], default=(None, None))


def _keys(written: Any) -> dict[str, RSAPublicKey]:
    """Read a JWKS document. Raises ValueError in a sentence."""
    try:
        document = json.loads(written) if isinstance(written, str) else written
        return {str(key["kid"]): _key(key) for key in document["keys"] if key.get("kty") == "RSA"}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("Setting keys: this is not the JSON of api.shipengine.com/jwks.") from error


def _key(jwk: Mapping[str, Any]) -> RSAPublicKey:
    e, n = (int.from_bytes(base64.urlsafe_b64decode(f"{jwk[part]}==")) for part in ("e", "n"))
    return RSAPublicNumbers(e, n).public_key()


def _check(keys: Mapping[str, RSAPublicKey], incoming: Incoming, now: datetime) -> None:
    """Raise Refused unless one of the keys signed the timestamp and the body, a few minutes ago at most."""
    timestamp = incoming.header(TIMESTAMP)
    if not (timestamp and incoming.header(SIGNATURE)):
        raise Refused(Reason.NO_SIGNATURE, f"Header {SIGNATURE} or {TIMESTAMP} is missing.")
    signed_at, key = reading.moment(timestamp), keys.get(incoming.header(KEY_ID))
    if key is None or signed_at is None:
        raise Refused(Reason.BAD_SIGNATURE, "The key or the timestamp is not known.")
    try:
        signature = base64.b64decode(incoming.header(SIGNATURE), validate=True)
        key.verify(signature, timestamp.encode() + b"." + incoming.body, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        raise Refused(Reason.BAD_SIGNATURE) from None
    if abs(now - signed_at) > WINDOW:
        raise Refused(Reason.STALE_SIGNATURE, f"It was signed at {timestamp}.")


CONNECTOR = ShipEngine
