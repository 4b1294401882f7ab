"""Sinch SMS REST API with a service plan: one batch per text. A batch can be found again by our reference.

Sources: sinch/sinch-sdk-python 2.3.0, sinch/sinch-sdk-java DeliveryReceiptStatusCode.java, Sinch's "Delivery reports"
page, nyaruka/courier of 2026-08-19; read 2026-10. Receipts name batch and recipient; Sinch has no id per recipient.
Sinch signs callbacks only after its support has switched that on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, reading
from wire.http import Call
from wire.http import Reply as HttpReply
from wire.signatures import Hmac

MAX_VALIDITY = timedelta(days=3)
WINDOW = timedelta(minutes=5)
INBOUND = {"mo_text", "mo_binary", "mo_media"}
SIGNATURE = Hmac(
    header="x-sinch-webhook-signature",
    signed="{body}.{id}.{timestamp}",
    encoding="base64",
    id_header="x-sinch-webhook-signature-nonce",
    timestamp_header="x-sinch-webhook-signature-timestamp",
    past=WINDOW,
    future=WINDOW,
)

STOP, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.RETRY, ErrorClass.PERMANENT
CONTENT, SENDER, COUNTRY = ErrorClass.CONTENT, ErrorClass.SENDER_CONFIG, ErrorClass.COUNTRY_CONFIG

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "402": (NEVER, "There is no route to this number."),
    "403": (LATER, "An internal error at Sinch."),
    "404": (LATER, "The text could not be delivered at the moment."),
    "405": (CONTENT, "A placeholder of the text had no value."),
    "406": (NEVER, "The text expired before it was handed over."),
    "407": (NEVER, "The text was cancelled."),
    "408": (NEVER, "Sinch refused the text."),
    "410": (SENDER, "The account has no sender for this number."),
    "411": (CONTENT, "The text has too many segments."),
    "412": (COUNTRY, "The account may not text this region."),
    "413": (STOP, "The account is blocked."),
}
"""Codes in receipts. The names are Sinch's, what they mean for us is our judgement."""

STATES: Mapping[str, State] = {
    "queued": State.ACCEPTED,
    "dispatched": State.SENT,
    "delivered": State.DELIVERED,
    "failed": State.UNDELIVERED,
    "expired": State.EXPIRED,
    "rejected": State.REJECTED,
    "deleted": State.REJECTED,
    "aborted": State.FAILED,
    "cancelled": State.CANCELLED,
    "unknown": State.UNCONFIRMED,
}


class Sinch(HttpGateway):
    """One Sinch service plan."""

    kind = "sinch"
    title = "Sinch"
    docs_url = "https://developers.sinch.com/docs/sms/api-reference/"
    options: ClassVar[Mapping[str, Option]] = {
        "service_plan_id": Option(text="Service plan ID.", required=True),
        "api_token": Option(text="API token of the service plan.", required=True, secret=True),
        "callback_secret": Option(
            text="Secret of signed callbacks; without it the secret in the address is the only proof.",
            default="",
            secret=True,
        ),
        "from": FROM,
        "base_url": Option(text="Address of the API in your region.", default="https://us.sms.api.sinch.com"),
    }
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        client_reference=True,
        lookup=True,
        per_message_callback=True,
        receipts="signed",
        replies=True,
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST batches."""
        until = self.clock() + min(max(submission.validity, timedelta(minutes=1)), MAX_VALIDITY)
        body = {
            "type": "mt_text",
            "to": [e164.bare(submission.to)],
            "from": e164.bare(submission.sender or self.setting("from")),
            "body": submission.text,
            "delivery_report": "per_recipient",
            "expire_at": f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
            "callback_url": submission.receipt_url,
            "client_reference": submission.message_id,
        }
        kept = {name: value for name, value in body.items() if value or name == "body"}
        return Call(method="POST", url=self._batches, headers=self._headers, json=kept)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 201 with a batch id as a yes, and {code, text} under 4xx as a no."""
        body = reply.json()
        provider_id, code = reading.text(body, "id"), reading.text(body, "code")
        if reply.status == 201 and provider_id and not reading.flag(body, "canceled"):
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        if reply.status == 429:
            return throttled(reply, code)
        if reply.status in (401, 402, 403, 404):
            return of_class(STOP, code or f"http_{reply.status}", "Sinch refuses the token, the plan or the account.")
        if reply.status == 400 and code:
            return of_class(NEVER, code, reading.text(body, "text"))
        return not_understood(reply)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check the HMAC over body, nonce and time, where Sinch signs for this account."""
        secret = self.setting("callback_secret")
        if secret:
            SIGNATURE.check(incoming, [secret], now)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the report of one recipient, or of a batch as a whole; a batch of ours has one recipient."""
        body = reading.json_object(incoming.body)
        if reading.text(body, "type") in INBOUND:
            return []
        at = reading.moment(reading.dig(body, "at"))
        rows = reading.items(body, "statuses") if "statuses" in body else [body]
        return [_receipt(body, row, at) for row in rows]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; reports hold none."""
        body = reading.json_object(incoming.body)
        if reading.text(body, "type") != "mo_text":
            return []
        return [
            Reply(
                id=reading.required(body, "id"),
                number=e164.plus(reading.required(body, "from")),
                to=e164.plus(reading.text(body, "to")),
                text=reading.text(body, "body"),
                at=reading.moment(reading.dig(body, "received_at")),
            )
        ]

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        """List the batches with our reference. An empty list is no proof: Sinch may still be writing it."""
        params = {"client_reference": submission.message_id}
        reply = self.ask(Call(method="GET", url=self._batches, headers=self._headers, params=params))
        rows = [] if reply is None else reading.items(reply.json(), "batches")
        found = [
            batch
            for row in rows
            if reading.text(row, "client_reference") == submission.message_id and (batch := reading.text(row, "id"))
        ]
        return Result(outcome=Outcome.ACCEPTED, provider_id=found[0]) if len(found) == 1 else None

    @property
    def _batches(self) -> str:
        return self.url(f"/xms/v1/{self.setting('service_plan_id')}/batches")

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.setting('api_token')}"}


def _receipt(body: Any, row: Any, at: datetime | None) -> Receipt:
    status, code = reading.required(row, "status"), reading.text(row, "code")
    return Receipt(
        state=STATES.get(status.lower(), State.UNCONFIRMED),  # Sinch writes Delivered here and DELIVERED there
        provider_id=reading.required(body, "batch_id"),
        message_id=reading.text(body, "client_reference"),
        raw_status=status,
        error_code=code if code in CODES else "",
        error=CODES[code][0] if code in CODES else ErrorClass.NONE,
        at=at,
    )


GATEWAY = Sinch
