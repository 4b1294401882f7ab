"""Jasmin SMS gateway by its HTTP API. "Success" means that Jasmin's queue has the text, not yet a carrier.

Sources: jookies/jasmin misc/doc/sources/apis/http/index.rst of 2026-04, nyaruka/courier handlers/jasmin of 2026-08-19;
read 2026-10. Jasmin signs nothing and repeats a receipt until the answer is exactly ACK/Jasmin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, not_understood, of_class, throttled
from model.event import Answer, Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, reading
from wire.http import Call
from wire.http import Reply as HttpReply

SUCCESS = re.compile(r'Success "([^"\s]{1,100})"')
ERROR = re.compile(r'Error "([^"]{1,300})"')
UCS2 = "8"

STOP, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.PERMANENT

CODES: Mapping[int, tuple[ErrorClass, str]] = {
    400: (NEVER, "Jasmin refuses a parameter, often the number."),
    401: (STOP, "Jasmin refuses the user name or the password."),
    403: (STOP, "Jasmin refuses the user name or the password, or the user has no credit."),
    404: (STOP, "There is no Jasmin at this address."),
    412: (STOP, "Jasmin has no route for this text."),
}
"""HTTP statuses; Jasmin's errors are sentences."""

STATES: Mapping[str, State] = {
    "ESME_ROK": State.SENT,
    "ACCEPTD": State.SENT,
    "ENROUTE": State.SENT,
    "DELIVRD": State.DELIVERED,
    "UNDELIV": State.UNDELIVERED,
    "EXPIRED": State.EXPIRED,
    "REJECTD": State.REJECTED,
    "DELETED": State.REJECTED,
    "UNKNOWN": State.UNCONFIRMED,
}
REFUSED = "ESME_R"  # every other SMPP status: the carrier refused the submit


class Jasmin(HttpGateway):
    """One Jasmin user."""

    kind = "jasmin"
    title = "Jasmin SMS Gateway"
    docs_url = "https://docs.jasminsms.com/en/latest/apis/http/index.html"
    options: ClassVar[Mapping[str, Option]] = {
        "username": Option(text="User name.", required=True),
        "password": Option(text="Password.", required=True, secret=True),
        "from": FROM,
        "base_url": Option(text="Address of the HTTP API (http://127.0.0.1:1401).", required=True),
    }
    capabilities = Capabilities(
        number_format="digits",
        max_segments=5,
        validity=True,
        per_message_callback=True,
        replies=True,
        unverified="Texts from phones under coding 0 are GSM-7 bytes: letters outside ASCII may come out wrong.",
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST /send."""
        wants_receipt = bool(submission.receipt_url)
        text = {"content": submission.text, "coding": "0"}
        if submission.encoding == "ucs2":
            text = {"hex-content": submission.text.encode("utf-16-be").hex(), "coding": UCS2}
        fields = {
            "username": self.setting("username"),
            "password": self.setting("password"),
            "to": e164.bare(submission.to),
            "from": e164.bare(submission.sender or self.setting("from")),
            **text,
            "validity-period": str(max(int(submission.validity.total_seconds()) // 60, 1)),
            "dlr": "yes" if wants_receipt else "no",
            "dlr-url": submission.receipt_url,
            "dlr-level": "3" if wants_receipt else "",
            "dlr-method": "POST" if wants_receipt else "",
        }
        kept = [(name, value) for name, value in fields.items() if value or name == "content"]
        return Call(method="POST", url=self.url("/send"), form=kept)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 200 with Success "id" as a yes, and Error "words" under 4xx as a no."""
        if reply.status == 200 and (taken := SUCCESS.fullmatch(reply.text.strip())):
            return Result(outcome=Outcome.ACCEPTED, provider_id=taken[1])
        said = ERROR.fullmatch(reply.text.strip())
        says = said[1] if said else ""
        if reply.status == 429 or (reply.status == 403 and "throughput" in says.lower()):
            return throttled(reply, text=says)
        if reply.status in CODES:
            error, meaning = CODES[reply.status]
            return of_class(error, f"http_{reply.status}", says or meaning)
        return not_understood(reply)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read a receipt: level 1 says what the carrier answered, levels 2 and 3 what became of the text."""
        fields = _fields(incoming)
        if "message_status" not in fields and "content" in fields:
            return []
        status, code = reading.required(fields, "message_status"), reading.text(fields, "err")
        state = STATES.get(status, State.FAILED if status.startswith(REFUSED) else State.UNCONFIRMED)
        return [
            Receipt(
                state=state,
                provider_id=reading.required(fields, "id"),
                raw_status=status,
                error_code=status if state is State.FAILED else code.strip("0") and code,
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; a receipt holds none."""
        fields = _fields(incoming)
        if "content" not in fields and "message_status" in fields:
            return []
        return [
            Reply(
                id=reading.required(fields, "id"),
                number=e164.plus(reading.required(fields, "from")),
                to=e164.plus(reading.text(fields, "to")),
                text=reading.text(_text(fields)),
            )
        ]

    def answer(self) -> Answer:
        """Say what Jasmin waits for."""
        return Answer(body="ACK/Jasmin")


def _fields(incoming: Incoming) -> Mapping[str, str]:
    return reading.form(incoming.body) if incoming.body else incoming.query


def _text(fields: Mapping[str, str]) -> str:
    """Return the text; UCS-2 can be trusted in its hexadecimal copy only."""
    if reading.text(fields, "coding") != UCS2 or not fields.get("binary"):
        return fields.get("content", "")
    try:
        return bytes.fromhex(fields["binary"]).decode("utf-16-be", "replace")
    except ValueError:
        return fields.get("content", "")


GATEWAY = Jasmin
