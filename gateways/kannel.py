"""Kannel, the open-source gateway, by its smsbox: sendsms by GET, receipts and replies by GET too.

Sources: Kannel 1.4.5 user guide, a running Kannel 1.4.5 with fakesmsc, nyaruka/courier handlers/kannel of 2026-08-19;
read 2026-10. Kannel names no id: ours travels in the receipt address and is the provider's id here. It signs nothing.
A text longer than the user's `max-messages` is cut without a word, so keep that number above a rule's segments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, not_understood, of_class, throttled
from model.event import Answer, Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, reading
from wire.http import Call
from wire.http import Reply as HttpReply

TAKEN = ("0: ", "3: ")  # accepted for delivery; queued because no carrier is connected at the moment
MASK = "27"  # delivered 1, undelivered 2, taken by the carrier 8, refused by it 16
ESCAPES = "status=%d&answer=%A&foreign=%F"

STOP, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.RETRY, ErrorClass.PERMANENT

CODES: Mapping[int, tuple[ErrorClass, str]] = {
    400: (NEVER, "Kannel refuses the number, by its form or by its lists."),
    403: (STOP, "Kannel refuses the user name or the password."),
    404: (STOP, "There is no sendsms at this address."),
}
"""HTTP statuses; Kannel's errors are sentences."""

STATES: Mapping[str, State] = {
    "1": State.DELIVERED,
    "2": State.UNDELIVERED,
    "4": State.SENDING,
    "8": State.SENT,
    "16": State.REJECTED,
}


class Kannel(HttpGateway):
    """One sendsms user of a Kannel."""

    kind = "kannel"
    title = "Kannel"
    docs_url = "https://www.kannel.org/doc.shtml"
    options: ClassVar[Mapping[str, Option]] = {
        "username": Option(text="Name of the sendsms user.", required=True),
        "password": Option(
            text="Its password; Kannel wants it in the query, so use https or loopback.", required=True, secret=True
        ),
        "from": FROM,
        "smsc": Option(text="The connection to send by, where there are several.", default=""),
        "base_url": Option(text="Address of the smsbox (http://127.0.0.1:13013).", required=True),
    }
    capabilities = Capabilities(validity=True, per_message_callback=True, replies=True)

    def encode(self, submission: Submission) -> Call:
        """Write GET /cgi-bin/sendsms."""
        fields = {
            "username": self.setting("username"),
            "password": self.setting("password"),
            "to": submission.to,
            "from": submission.sender or self.setting("from"),
            "text": submission.text,
            "charset": "UTF-8",
            "coding": "2" if submission.encoding == "ucs2" else "0",
            "smsc": self.setting("smsc"),
            "validity": str(max(int(submission.validity.total_seconds()) // 60, 1)),
            "dlr-mask": MASK if submission.receipt_url else "",
            "dlr-url": _with_escapes(submission.receipt_url),
        }
        kept = {name: value for name, value in fields.items() if value or name == "text"}
        return Call(method="GET", url=self.url("/cgi-bin/sendsms"), params=kept)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 202 with 0 or 3 as a yes; the id is ours, for Kannel names none."""
        if reply.status == 202 and reply.text.startswith(TAKEN):
            return Result(outcome=Outcome.ACCEPTED, provider_id=submission.message_id)
        if reply.status == 429:
            return throttled(reply)
        if reply.status in CODES:
            return of_class(CODES[reply.status][0], f"http_{reply.status}", CODES[reply.status][1])
        return not_understood(reply)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the escapes we put into the address; a text from a phone holds none of them."""
        fields = _fields(incoming)
        if "status" not in fields and "text" in fields:
            return []
        status = reading.required(fields, "status")
        message_id = reading.required(fields, "m", "foreign")
        return [
            Receipt(
                state=STATES.get(status, State.UNCONFIRMED),
                provider_id=message_id,
                message_id=reading.text(fields, "m"),
                raw_status=status,
                error_code=reading.text(fields, "answer")[:40] if status in ("2", "16") else "",
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone, called as get-url = ".../replies/<name>/<token>?id=%I&from=%p&to=%P&text=%b"."""
        fields = _fields(incoming)
        if "text" not in fields and "status" in fields:
            return []
        return [
            Reply(
                id=reading.required(fields, "id"),
                number=e164.plus(reading.required(fields, "from")),
                to=e164.plus(reading.text(fields, "to")),
                text=reading.text(fields, "text"),
            )
        ]

    def answer(self) -> Answer:
        """Say nothing: Kannel would text the answer to the phone, unless the service has omit-empty set."""
        return Answer(body="")


def _with_escapes(url: str) -> str:
    """Add what Kannel shall fill in. Our own addresses hold no %, so Kannel finds none of its own in them."""
    if not url:
        return ""
    return f"{url}{'&' if '?' in url else '?'}{ESCAPES}"


def _fields(incoming: Incoming) -> Mapping[str, str]:
    return {**incoming.query, **(reading.form(incoming.body) if incoming.body else {})}


GATEWAY = Kannel
