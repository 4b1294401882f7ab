"""Plivo Message API. Callbacks are signed over address, form and nonce (signature v3).

Sources: plivo/plivo-python 4.63.0 (plivo/utils/signature_v3.py), nyaruka/courier handlers/plivo of 2026-08-19, Plivo's
error code page; read 2026-10. A text in several parts gets one callback per part, tied together by ParentMessageUUID.
Plivo knows no reference of ours and no idempotency: our id travels in the callback address.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit, urlunsplit

from gateways.base import FROM, Capabilities, HttpGateway, Option, api_at, money, not_understood, of_class, throttled
from model.event import Answer, Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, reading
from wire.http import Call
from wire.http import Reply as HttpReply

MIN_EXPIRY, MAX_EXPIRY = 5, 14_400  # seconds; from memory

STOP, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.RETRY, ErrorClass.PERMANENT
CONTENT, SENDER = ErrorClass.CONTENT, ErrorClass.SENDER_CONFIG

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "10": (CONTENT, "The text is not valid."),
    "20": (LATER, "An error in the carrier's network."),
    "30": (CONTENT, "The carrier takes the text for spam."),
    "40": (SENDER, "The sender is not valid."),
    "50": (NEVER, "The number is not valid."),
    "60": (CONTENT, "The text runs in a loop."),  # this and the codes below are from memory
    "70": (NEVER, "There is no route to this number."),
    "80": (LATER, "The phone cannot be reached at the moment."),
    "90": (NEVER, "The number cannot be reached."),
    "110": (CONTENT, "The text is not allowed."),
    "200": (ErrorClass.OPT_OUT, "The person replied STOP."),
    "300": (LATER, "Plivo could not hand the text over."),
    "450": (SENDER, "Sender or text is not registered (India)."),
    "900": (STOP, "The account has no credit."),
    "1000": (LATER, "An error nobody could name."),
}
"""Error codes in receipts. The names are Plivo's, what they mean for us is our judgement."""

EXPIRED = frozenset({"420"})  # from memory
STATES: Mapping[str, State] = {
    "queued": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "rejected": State.REJECTED,
    "failed": State.FAILED,
}
OVER = {State.UNDELIVERED, State.REJECTED, State.FAILED, State.EXPIRED}


class Plivo(HttpGateway):
    """One Plivo account or powerpack."""

    kind = "plivo"
    title = "Plivo"
    docs_url = "https://www.plivo.com/docs/messaging/api/message/"
    options: ClassVar[Mapping[str, Option]] = {
        "auth_id": Option(text="Auth ID.", required=True),
        "auth_token": Option(text="Auth token; it also proves callbacks genuine.", required=True, secret=True),
        "from": FROM,
        "powerpack_uuid": Option(text="Powerpack that picks the sender.", default=""),
        "base_url": api_at("https://api.plivo.com"),
    }
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        per_message_callback=True,
        receipts="signed",
        replies=True,
        unverified="Error codes above 50 and the bounds of message_expiry are from memory.",
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST Message/."""
        powerpack = self.setting("powerpack_uuid")
        sender = submission.sender or ("" if powerpack else self.setting("from"))
        body = {
            "src": e164.bare(sender),
            "powerpack_uuid": "" if sender else powerpack,
            "dst": e164.bare(submission.to),
            "text": submission.text,
            "type": "sms",
            "url": submission.receipt_url,
            "method": "POST" if submission.receipt_url else "",
            "message_expiry": min(max(int(submission.validity.total_seconds()), MIN_EXPIRY), MAX_EXPIRY),
        }
        kept = {name: value for name, value in body.items() if value or name == "text"}
        url = self.url(f"/v1/Account/{self.setting('auth_id')}/Message/")
        return Call(method="POST", url=url, json=kept, auth=(self.setting("auth_id"), self.setting("auth_token")))

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 202 with one id as a yes, and {error} under 4xx as a no; an invalid number may stand in a 202."""
        body = reply.json()
        provider_id, says = reading.text(body, "message_uuid.0"), _said(body)
        if reply.status == 202 and provider_id:
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        if reply.status == 202 and reading.items(body, "invalid_number"):
            return of_class(NEVER, "invalid_number", "The number is not valid.")
        if reply.status == 429:
            return throttled(reply, "429")
        if reply.status in (401, 402, 403, 404):
            return of_class(STOP, f"http_{reply.status}", "Plivo refuses the token, the account or its credit.")
        if reply.status in (400, 422) and says:
            return of_class(NEVER, f"http_{reply.status}", says)
        return not_understood(reply)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check X-Plivo-Signature-V3; the header may hold several signatures."""
        given, nonce = incoming.header("x-plivo-signature-v3"), incoming.header("x-plivo-signature-v3-nonce")
        if not given or not nonce:
            raise Refused(Reason.NO_SIGNATURE, "The headers of Plivo's signature are missing.")
        token = self.setting("auth_token")
        if not token:
            raise Refused(Reason.BAD_SIGNATURE, "Set auth_token: Plivo signs with it.")
        try:
            form = parse_qs(incoming.body.decode(), keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise Refused(Reason.BAD_SIGNATURE, "The body is not a form.") from None
        ours = sign(token, incoming.method, incoming.url, form, nonce).encode()
        theirs = [one.strip().encode("utf-8", "surrogatepass") for one in given.split(",")]
        if not any(hmac.compare_digest(ours, one) for one in theirs):
            raise Refused(Reason.BAD_SIGNATURE)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the status of a text or of one of its parts; a text from a phone holds none."""
        form = reading.form(incoming.body)
        if "Status" not in form and "Text" in form:
            return []
        status, code = reading.required(form, "Status"), reading.text(form, "ErrorCode")
        state = STATES.get(status.lower(), State.UNCONFIRMED)
        state = State.EXPIRED if state in OVER and code in EXPIRED else state
        part = reading.required(form, "MessageUUID")
        return [
            Receipt(
                state=state,
                provider_id=reading.first_text(form, "ParentMessageUUID", "MessageUUID"),
                raw_status=status,
                error_code="" if code in ("0", "000") else code,
                error=CODES[code][0] if code in CODES and state in OVER else ErrorClass.NONE,
                part=part if part != reading.text(form, "ParentMessageUUID") else "",
                cost=reading.amount(form.get("TotalAmount")) or "",
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; a status holds none."""
        form = reading.form(incoming.body)
        if "Text" not in form and "Status" in form:
            return []
        return [
            Reply(
                id=reading.required(form, "MessageUUID"),
                number=e164.plus(reading.required(form, "From")),
                to=e164.plus(reading.text(form, "To")),
                text=reading.text(form, "Text"),
            )
        ]

    def answer(self) -> Answer:
        """Say nothing: XML in an answer would be run as a reply."""
        return Answer(body="")

    def balance_call(self) -> Call:
        """Ask for the account (plivo-python 4.63.0 and its examples on GitHub, read 2026-11)."""
        url = self.url(f"/v1/Account/{self.setting('auth_id')}/")
        return Call(method="GET", url=url, auth=(self.setting("auth_id"), self.setting("auth_token")))

    def read_balance(self, body: Any) -> str:
        """Read the credits left; Plivo states no currency."""
        return money(reading.dig(body, "cash_credits"), "")


def sign(token: str, method: str, url: str, form: Mapping[str, list[str]], nonce: str) -> str:
    """Return X-Plivo-Signature-V3: address, sorted query, then for POST the sorted form, then the nonce."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    if method.upper() == "GET":
        query, form = {**form, **query}, {}
    asked = "&".join(f"{name}={value}" for name in sorted(query) for value in sorted(query[name]))
    sent = "".join(f"{name}{value}" for name in sorted(form) for value in sorted(form[name]))
    base = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    text = base + ("?" + asked if asked or form else "") + ("." if asked and form else "") + sent
    mac = hmac.new(token.encode(), f"{text}.{nonce}".encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def _said(body: Any) -> str:
    """Plivo writes its error as a text, in some versions as an object of field and text."""
    found = reading.dig(body, "error")
    texts = [reading.text(value) for value in found.values()] if isinstance(found, dict) else [reading.text(found)]
    return next(filter(None, texts), "")


GATEWAY = Plivo
