"""SMSGate by capcom6: an Android phone as the gateway, in the cloud, on a server of one's own, or on the phone itself.

Sources: capcom6/android-sms-gateway (swagger and webhook module), android-sms-gateway/server; read 2026-10. The
message id is ours: a repeat is answered 409 and not sent twice. Webhooks are registered once for the phone, not per
text, and are signed with a key the phone shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from gateways.base import Capabilities, HttpGateway, Option, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading
from wire.http import Call
from wire.http import Reply as HttpReply
from wire.signatures import Hmac

MIN_TTL, MAX_ID = 5, 36
SIGNATURE = Hmac(
    header="x-signature",
    signed="{body}{timestamp}",
    timestamp_header="x-timestamp",
    past=timedelta(hours=1),  # the phone repeats a call that failed; it may have been offline in between
    future=timedelta(minutes=5),
)

STOP, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.PERMANENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "400": (NEVER, "SMSGate refuses the number or the text."),
    "401": (STOP, "SMSGate refuses the user name or the password."),
    "403": (STOP, "SMSGate refuses what this account may do."),
    "404": (STOP, "There is no SMSGate at this address."),
}
"""HTTP statuses; SMSGate has no codes of its own."""

TAKEN = {"Pending", "Processed", "Sent", "Delivered"}
STATES: Mapping[str, State] = {
    "sms:sent": State.SENT,
    "sms:delivered": State.DELIVERED,
    "sms:failed": State.FAILED,
}
NOT_ABOUT_OURS = ("sms:received", "sms:data-received", "mms:", "system:")


class Capcom6(HttpGateway):
    """One SMSGate account or phone."""

    kind = "capcom6"
    title = "SMSGate (Android, capcom6)"
    docs_url = "https://docs.sms-gate.app/integration/api/"
    options: ClassVar[Mapping[str, Option]] = {
        "username": Option(text="User name the app shows.", required=True),
        "password": Option(text="Password the app shows.", required=True, secret=True),
        "signing_key": Option(
            text="Signing key of webhooks; without it the secret in the address is the only proof.",
            default="",
            secret=True,
        ),
        "device_id": Option(text="The phone to send with, where there are several.", default=""),
        "sim_number": Option(text="The SIM to send with: 1, 2 or 3.", default=""),
        "base_url": Option(
            text="Address of the API; http://<phone>:8080 for the phone itself.",
            default="https://api.sms-gate.app/3rdparty/v1",
        ),
    }
    capabilities = Capabilities(
        validity=True,
        client_reference=True,
        idempotent=True,
        lookup=True,
        receipts="signed",
        replies=True,
        unverified="Android itself allows about 30 texts in 30 minutes unless told otherwise; from memory.",
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST /messages; the sender is the phone's own SIM."""
        sim = self.setting("sim_number")
        body: dict[str, Any] = {
            "id": submission.message_id,
            "textMessage": {"text": submission.text},
            "phoneNumbers": [submission.to],
            "ttl": max(int(submission.validity.total_seconds()), MIN_TTL),
            "withDeliveryReport": True,
            "deviceId": self.setting("device_id"),
            "simNumber": int(sim) if sim in {"1", "2", "3"} else None,
        }
        kept = {name: value for name, value in body.items() if value not in ("", None)}
        return Call(method="POST", url=self.url("/messages"), json=kept, auth=self._credentials)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 202 with our id as a yes; 409 says that an earlier try of ours was taken."""
        body = reply.json()
        provider_id, state = reading.text(body, "id"), reading.text(body, "state")
        if reply.status in (200, 201, 202) and provider_id and state in TAKEN:
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        if reply.status in (200, 201, 202) and provider_id and state == "Failed":
            return of_class(NEVER, "Failed", reading.first_text(body, "recipients.0.error") or "The phone failed.")
        if reply.status == 409 and submission.attempt > 1:
            return Result(outcome=Outcome.ACCEPTED, provider_id=submission.message_id)
        if reply.status == 409:  # the id was taken before our first try: after a crash, or by somebody else
            return of_class(ErrorClass.UNKNOWN, "http_409", "SMSGate has a text with this id already.")
        if reply.status == 429:
            return throttled(reply)
        code = str(reply.status)
        if code in CODES:
            return of_class(CODES[code][0], f"http_{code}", reading.text(body, "message") or CODES[code][1])
        return not_understood(reply)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check X-Signature over body and time."""
        key = self.setting("signing_key")
        if key:
            SIGNATURE.check(incoming, [key], now)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read what became of a text; other events hold no receipt."""
        body = reading.json_object(incoming.body)
        event = reading.required(body, "event")
        if event.startswith(NOT_ABOUT_OURS):
            return []
        message_id = reading.required(body, "payload.messageId")
        times = ("payload.deliveredAt", "payload.failedAt", "payload.sentAt")
        return [
            Receipt(
                state=STATES.get(event, State.UNCONFIRMED),
                provider_id=message_id,
                message_id=message_id,
                raw_status=event,
                error_code=reading.text(body, "payload.reason")[:40] if event == "sms:failed" else "",
                at=reading.moment(reading.first_text(body, *times)),
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; other events hold none."""
        body = reading.json_object(incoming.body)
        if reading.required(body, "event") != "sms:received":
            return []
        return [
            Reply(
                id=reading.required(body, "payload.messageId", "id"),
                number=reading.required(body, "payload.sender", "payload.phoneNumber"),
                to=reading.text(body, "payload.recipient"),
                text=reading.text(body, "payload.message"),
                at=reading.moment(reading.text(body, "payload.receivedAt")),
            )
        ]

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        """Ask for the text by our id. That SMSGate does not know it proves nothing while the phone is offline."""
        call = Call(method="GET", url=self.url(f"/messages/{submission.message_id}"), auth=self._credentials)
        reply = self.ask(call)
        body = None if reply is None else reply.json()
        known = reading.text(body, "id") == submission.message_id and reading.text(body, "state") in TAKEN
        return Result(outcome=Outcome.ACCEPTED, provider_id=submission.message_id) if known else None

    @property
    def _credentials(self) -> tuple[str, str]:
        return self.setting("username"), self.setting("password")


GATEWAY = Capcom6
