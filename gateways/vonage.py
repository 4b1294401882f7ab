"""Vonage SMS API (the former Nexmo), the classic one with an API key.

Sources: Nexmo/api-specification definitions/sms.yml (2021), Vonage/vonage-python-sdk 4.9.1, nyaruka/courier
handlers/nexmo of 2026-08-19; read 2026-10. The answer is always 200 and holds one entry per segment; so do the
receipts, and long texts from phones come as one hook per segment too.

Long because of two tables of codes, answers by segment, and callbacks signed in several ways.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, api_at, money, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, reading
from wire.http import Call
from wire.http import Reply as HttpReply

MIN_TTL, MAX_TTL = timedelta(seconds=20), timedelta(days=7)
MAX_CALLBACK, MAX_REF = 100, 40
WINDOW = timedelta(minutes=5)
DIGESTS = ("md5", "sha1", "sha256", "sha512")

STOP, SLOW, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.THROTTLE, ErrorClass.RETRY, ErrorClass.PERMANENT
SENDER, CONTENT = ErrorClass.SENDER_CONFIG, ErrorClass.CONTENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "1": (SLOW, "Too many requests for this account."),
    "2": (NEVER, "A parameter is missing."),
    "3": (NEVER, "A parameter is not valid, often the number."),
    "4": (STOP, "The API key or secret is wrong, or the account is disabled."),
    "5": (LATER, "An internal error at Vonage."),
    "6": (NEVER, "The number's network is not known to Vonage."),
    "7": (NEVER, "The number is barred."),
    "8": (STOP, "The account is barred."),
    "9": (STOP, "The account has no credit."),
    "10": (LATER, "Too many connections are open."),
    "11": (STOP, "The account may not send over HTTP."),
    "12": (CONTENT, "The text is too long."),
    "14": (STOP, "The signature is wrong."),
    "15": (SENDER, "The sender is not allowed for this number."),
    "22": (NEVER, "The network code is not valid."),
    "23": (NEVER, "The receipt address is not valid."),
    "29": (STOP, "A demo account may text its listed numbers only."),
    "32": (STOP, "Sign with the secret or with the signature, not with both."),
    "33": (NEVER, "The number is deactivated."),
}
"""Statuses of a submit. The names are Vonage's, what they mean for us is our judgement."""

RECEIPT_CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "1": (LATER, "An error nobody could name."),
    "2": (LATER, "The phone cannot be reached at the moment."),
    "3": (NEVER, "The phone cannot be reached, or the number is not in use."),
    "4": (NEVER, "The person has barred such texts."),  # by the carrier's list: no proof of an opt-out with us
    "5": (NEVER, "The number moved to another carrier."),
    "6": (CONTENT, "The carrier takes the text for spam."),
    "7": (LATER, "The phone was busy."),
    "8": (LATER, "An error in the carrier's network."),
    "9": (NEVER, "The number is not valid."),
    "10": (CONTENT, "The text is not valid."),
    "11": (NEVER, "There is no route to this number."),
    "12": (NEVER, "There is no route to this number."),
    "13": (NEVER, "The person is too young for this text."),
    "14": (NEVER, "The carrier does not take texts for this number."),
    "15": (NEVER, "The phone has no credit left."),
    "16": (LATER, "The carrier's quota is used up."),
    "50": (SENDER, "The entity is not registered (India)."),
    "51": (SENDER, "The sender is not registered (India)."),
    "52": (CONTENT, "The text is not registered (India)."),
    "53": (NEVER, "The person did not consent (India)."),
    "54": (NEVER, "Regulation forbids this text (India)."),
    "99": (LATER, "An error nobody could name."),
}
STATES: Mapping[str, State] = {
    "accepted": State.SENT,
    "buffered": State.SENT,
    "delivered": State.DELIVERED,
    "expired": State.EXPIRED,
    "failed": State.FAILED,
    "rejected": State.REJECTED,
}


class Vonage(HttpGateway):
    """One Vonage account."""

    kind = "vonage"
    title = "Vonage SMS API"
    docs_url = "https://developer.vonage.com/en/api/sms"
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="API key.", required=True),
        "api_secret": Option(text="API secret.", required=True, secret=True),
        "from": FROM,
        "signature_secret": Option(
            text="Signature secret, where Vonage signs callbacks; without it the secret in the address is the proof.",
            default="",
            secret=True,
        ),
        "signature_method": Option(text="How callbacks are signed: md5, sha1, sha256 or sha512.", default="sha256"),
        "currency": Option(text="The account's currency; Vonage does not state it.", default=""),
        "base_url": api_at("https://rest.nexmo.com"),
    }
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        client_reference=True,
        per_message_callback=True,
        receipts="signed",
        replies=True,
        unverified="The older plain MD5 signature (no HMAC) is not supported: switch the account to an HMAC.",
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST /sms/json."""
        ttl = min(max(submission.validity, MIN_TTL), MAX_TTL)
        fields = {
            "to": e164.bare(submission.to),
            "from": e164.bare(submission.sender or self.setting("from")),
            "text": submission.text,
            "type": "unicode" if submission.encoding == "ucs2" else "text",  # Vonage does not find out by itself
            "ttl": str(int(ttl.total_seconds() * 1000)),
            "status-report-req": "1",
            "callback": submission.receipt_url if len(submission.receipt_url) <= MAX_CALLBACK else "",
            "client-ref": submission.message_id if len(submission.message_id) <= MAX_REF else "",
        }
        kept = [(name, value) for name, value in fields.items() if value or name == "text"]
        credentials = (self.setting("api_key"), self.setting("api_secret"))
        return Call(method="POST", url=self.url("/sms/json"), form=kept, auth=credentials)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read one status per segment: all 0 is a yes, none 0 a no, a mixture is nobody's guess."""
        if reply.status == 429:
            return throttled(reply)
        if reply.status in (401, 403):
            return of_class(ErrorClass.ROUTE_STOP, f"http_{reply.status}", "Vonage refuses the key or the secret.")
        parts = reading.items(reply.json(), "messages")
        statuses = [reading.text(part, "status") for part in parts]
        if reply.status != 200 or not parts or not all(status.isdecimal() for status in statuses):
            return not_understood(reply)
        refused = next((part for part in parts if reading.text(part, "status") != "0"), None)
        if refused is None:
            return self._accepted(parts) or not_understood(reply)
        if "0" in statuses:
            return of_class(ErrorClass.UNKNOWN, "partial", "Vonage took some segments of this text and not others.")
        code = reading.text(refused, "status")
        error, says = CODES.get(code, (NEVER, reading.text(refused, "error-text")))
        return throttled(reply, code, says) if error is SLOW else of_class(error, code, says)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check `sig` over the other fields, where the account signs."""
        secret, digest = self.setting("signature_secret"), self.setting("signature_method")
        if not secret:
            return
        fields = _fields_or_none(incoming)
        if not fields.get("sig"):
            raise Refused(Reason.NO_SIGNATURE, "Field sig is missing.")
        ours = sign(secret, fields, digest if digest in DIGESTS else "sha256")
        if not hmac.compare_digest(ours.encode(), fields["sig"].lower().encode("utf-8", "surrogatepass")):
            raise Refused(Reason.BAD_SIGNATURE)
        at = reading.moment(fields.get("timestamp"))
        if at is None or abs(now - at) > WINDOW:
            raise Refused(Reason.STALE_SIGNATURE)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the receipt of one segment, by GET or POST, form or JSON."""
        fields = _fields(incoming)
        if "status" not in fields and "text" in fields:
            return []
        status, code = reading.required(fields, "status"), reading.text(fields, "err-code")
        state, price = STATES.get(status.lower(), State.UNCONFIRMED), reading.amount(fields.get("price"))
        over = state in (State.FAILED, State.REJECTED, State.EXPIRED)
        return [
            Receipt(
                state=state,
                provider_id=reading.required(fields, "messageId"),
                message_id=reading.text(fields, "client-ref"),
                raw_status=status,
                error_code="" if code == "0" else code,
                error=RECEIPT_CODES[code][0] if over and code in RECEIPT_CODES else ErrorClass.NONE,
                at=_moment(fields),
                part=reading.text(fields, "messageId"),
                cost=price or "",
                currency=self.setting("currency") if price else "",
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; a receipt at the same address holds none."""
        fields = _fields(incoming)
        if "text" not in fields and "status" in fields:
            return []
        return [
            Reply(
                id=reading.required(fields, "messageId"),
                number=e164.plus(reading.required(fields, "msisdn")),
                to=e164.plus(reading.text(fields, "to")),
                text=reading.text(fields, "text"),
                at=_moment(fields),
            )
        ]

    def _accepted(self, parts: list[Any]) -> Result | None:
        provider_id = reading.text(parts[0], "message-id")
        prices = [reading.decimal(reading.dig(part, "message-price")) for part in parts]
        cost = "" if None in prices else f"{sum((price for price in prices if price is not None), Decimal()):f}"
        if not provider_id or len(parts) > 99:
            return None
        return Result(
            outcome=Outcome.ACCEPTED,
            provider_id=provider_id,
            segments=len(parts),
            cost=cost,
            currency=self.setting("currency") if cost else "",
        )

    def balance_call(self) -> Call:
        """Ask for the balance (vonage-account 1.1.2 and the Account API page, read 2026-11)."""
        credentials = (self.setting("api_key"), self.setting("api_secret"))
        url = self.url("/account/get-balance")
        return Call(method="GET", url=url, auth=credentials)

    def read_balance(self, body: Any) -> str:
        """Read the money left; Vonage states it in euros."""
        return money(reading.dig(body, "value"), "EUR")


def sign(secret: str, fields: Mapping[str, str], digest: str) -> str:
    """Return `sig`: every field in order as &name=value, & and = inside values as _, digested with the secret."""
    pairs = (
        (name, value.replace("&", "_").replace("=", "_")) for name, value in sorted(fields.items()) if name != "sig"
    )
    text = "".join(f"&{name}={value}" for name, value in pairs)
    return hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), digest).hexdigest()


def _fields(incoming: Incoming) -> dict[str, str]:
    """Return the fields as sent: query, form or JSON is a setting in Vonage's dashboard."""
    if not incoming.body:
        return {name: value for name, value in incoming.query.items() if name != "m"}  # m is our own, not under sig
    if incoming.body.lstrip()[:1] == b"{":
        found = reading.json_object(incoming.body)
        return {name: str(value) for name, value in found.items() if isinstance(value, str | int | float)}
    return reading.form(incoming.body)


def _fields_or_none(incoming: Incoming) -> dict[str, str]:
    try:
        return _fields(incoming)
    except Refused:
        return {}


def _moment(fields: Mapping[str, str]) -> datetime | None:
    """Vonage writes "2026-11-23 10:00:05 +0000", in older accounts without the zone; it is always UTC (sms.yml)."""
    return reading.moment(fields.get("message-timestamp", "").replace(" +", "+"), zone=UTC)


GATEWAY = Vonage
