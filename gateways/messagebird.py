"""MessageBird (now Bird), the classic SMS API. Callbacks carry a JWT over the address and the body.

Sources: messagebird/python-rest-api 2.2.0 (request_validator.py), nyaruka/courier handlers/messagebird of 2026-08-19;
read 2026-10. Receipts come by GET with everything in the query; replies come as a form, with other names for short
codes. courier does not check receipts: whether every account's receipts are signed could not be established.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, api_at, money, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, jwt, reading
from wire.http import Call
from wire.http import Reply as HttpReply

MAX_VALIDITY = timedelta(days=3)
ISSUER, ALGORITHMS, LEEWAY = "MessageBird", ("HS256", "HS384", "HS512"), timedelta(seconds=1)
OPTED_OUT = "103"

STOP, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.PERMANENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "20": (NEVER, "Something in the request was not found."),
    "2": (STOP, "The access key is wrong or may not do this."),  # this and the codes below are from memory
    "9": (NEVER, "A parameter is missing."),
    "10": (NEVER, "A parameter is not valid, often the number."),
    "21": (NEVER, "The request is not valid."),
    "25": (STOP, "The account has no credit."),
}
"""Error codes of a submit. The names are MessageBird's, what they mean for us is our judgement."""

STATES: Mapping[str, State] = {
    "scheduled": State.ACCEPTED,
    "sent": State.SENT,
    "buffered": State.SENT,
    "delivered": State.DELIVERED,
    "delivery_failed": State.UNDELIVERED,
    "expired": State.EXPIRED,
}
OVER = {"delivery_failed", "expired"}


class MessageBird(HttpGateway):
    """One MessageBird account."""

    kind = "messagebird"
    title = "MessageBird (Bird), classic SMS API"
    docs_url = "https://developers.messagebird.com/api/sms-messaging/"
    options: ClassVar[Mapping[str, Option]] = {
        "access_key": Option(text="Access key.", required=True, secret=True),
        "signing_key": Option(
            text="Signing key; empty where callbacks come unsigned: then the secret in the address is the proof.",
            default="",
            secret=True,
        ),
        "from": FROM,
        "base_url": api_at("https://rest.messagebird.com"),
    }
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        client_reference=True,
        per_message_callback=True,
        receipts="signed",
        replies=True,
        unverified="All error codes but 20 and 103 are from memory; so is that receipts are signed on every account.",
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST /messages."""
        body = {
            "originator": e164.bare(submission.sender or self.setting("from")),
            "recipients": [e164.bare(submission.to)],
            "body": submission.text,
            "reference": submission.message_id,
            "reportUrl": submission.receipt_url,
            "datacoding": "unicode" if submission.encoding == "ucs2" else "plain",
            "validity": max(int(min(submission.validity, MAX_VALIDITY).total_seconds()), 1),
        }
        kept = {name: value for name, value in body.items() if value or name == "body"}
        headers = {"Authorization": f"AccessKey {self.setting('access_key')}", "Accept": "application/json"}
        return Call(method="POST", url=self.url("/messages"), headers=headers, json=kept)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 201 with an id as a yes unless the recipient failed at once, and {errors} under 4xx as a no."""
        body = reply.json()
        provider_id, recipient = reading.text(body, "id"), reading.dig(body, "recipients.items.0")
        if reply.status == 201 and provider_id and recipient is not None:
            return _taken(provider_id, recipient)
        code = reading.text(body, "errors.0.code")
        if reply.status == 429:
            return throttled(reply, code)
        if reply.status not in (400, 401, 402, 403, 404, 405, 422):
            return not_understood(reply)
        if code in CODES:
            return of_class(CODES[code][0], code, CODES[code][1])
        if reply.status in (401, 402, 403, 404, 405):
            return of_class(STOP, code or f"http_{reply.status}", "MessageBird refuses the key or the account.")
        return of_class(NEVER, code, reading.text(body, "errors.0.description")) if code else not_understood(reply)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check the JWT: issuer, time, and that it was made for this address and this body."""
        key = self.setting("signing_key")
        if not key:
            return
        token = incoming.header("messagebird-signature-jwt")
        if not token:
            raise Refused(Reason.NO_SIGNATURE, "Header MessageBird-Signature-JWT is missing.")
        claims = jwt.claims_of(token, [key], ALGORITHMS)
        if claims.get("iss") != ISSUER or "nbf" not in claims or "exp" not in claims:
            raise Refused(Reason.BAD_SIGNATURE, "The token is not MessageBird's.")
        jwt.check_times(claims, now, leeway=LEEWAY)
        jwt.check_hash(claims, "url_hash", incoming.url.encode("utf-8", "surrogatepass"))
        if incoming.body:
            jwt.check_hash(claims, "payload_hash", incoming.body)
        elif claims.get("payload_hash"):  # MessageBird's own library refuses this too, even the hash of nothing
            raise Refused(Reason.BAD_SIGNATURE, "The body is missing.")

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read a status report; a text from a phone at the same address holds none."""
        fields = _fields(incoming)
        if "status" not in fields and "originator" in fields:
            return []
        status, code = reading.required(fields, "status"), reading.text(fields, "statusErrorCode")
        state = STATES.get(status.lower(), State.UNCONFIRMED)
        opted_out = status in OVER and code == OPTED_OUT
        return [
            Receipt(
                state=State.REJECTED if opted_out else state,
                provider_id=reading.required(fields, "id"),
                message_id=reading.text(fields, "reference"),
                raw_status=status,
                error_code="" if code == "0" else code,
                error=ErrorClass.OPT_OUT if opted_out else ErrorClass.NONE,
                at=reading.moment(fields.get("statusDatetime")),
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone, to a number or to a short code; a status report holds none."""
        fields = _fields(incoming)
        if "status" in fields and "originator" not in fields:
            return []
        return [
            Reply(
                id=reading.required(fields, "id", "mid"),
                number=e164.plus(reading.required(fields, "originator")),
                to=e164.plus(reading.first_text(fields, "recipient", "shortcode")),
                text=reading.first_text(fields, "body", "message"),
                at=reading.moment(fields.get("createdDatetime")),
            )
        ]

    def balance_call(self) -> Call:
        """Ask for the balance (messagebird/python-rest-api 2.2.0, read 2026-11)."""
        headers = {"Authorization": f"AccessKey {self.setting('access_key')}", "Accept": "application/json"}
        return Call(method="GET", url=self.url("/balance"), headers=headers)

    def read_balance(self, body: Any) -> str:
        """Read what is left, and of what: credits, euros, pounds or dollars."""
        return money(reading.dig(body, "amount"), reading.text(body, "type"))


def _fields(incoming: Incoming) -> Mapping[str, str]:
    return reading.form(incoming.body) if incoming.body else incoming.query


def _taken(provider_id: str, recipient: Any) -> Result:
    status, parts = reading.text(recipient, "status"), reading.text(recipient, "messagePartCount")
    if status in OVER:
        return of_class(NEVER, status, "MessageBird could not send this text.")
    return Result(
        outcome=Outcome.ACCEPTED,
        provider_id=provider_id,
        segments=int(parts) if parts.isdecimal() and 0 < len(parts) < 3 and int(parts) else None,
    )


GATEWAY = MessageBird
