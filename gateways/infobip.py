"""Infobip SMS API v3. The message id is ours: a repeat is refused as a duplicate, so nothing is ever sent twice.

Sources: Infobip's own OpenAPI description 3.210.0 and its 541 status and error codes (api-evangelist/infobip),
nyaruka/courier handlers/infobip of 2026-08-19; read 2026-10. A refusal stands inside a 200, per recipient. Infobip's
per-message callbacks carry no signature; the secret in the address is the proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, money, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, reading
from wire.http import Call
from wire.http import Reply as HttpReply

MAX_MINUTES = 2_880
DUPLICATE, DUPLICATE_NAME = "23", "REJECTED_DUPLICATE_MESSAGE_ID"
REFUSED = "REJECTED"
TAKEN = {"1", "3"}  # groups PENDING and DELIVERED

STOP, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.RETRY, ErrorClass.PERMANENT
OPT_OUT, CONTENT, SENDER = ErrorClass.OPT_OUT, ErrorClass.CONTENT, ErrorClass.SENDER_CONFIG

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "6": (NEVER, "There is no route to the number's network."),
    "8": (NEVER, "The number has no country prefix Infobip knows."),
    "10": (OPT_OUT, "The number is on a do-not-disturb list."),
    "11": (SENDER, "The sender is not allowed."),
    "12": (STOP, "The account has no credit."),
    "13": (SENDER, "The sender is blocked."),
    "14": (OPT_OUT, "The number is on the account's blocklist."),
    "17": (STOP, "The prepaid package has expired."),
    "18": (STOP, "A trial account may text its own number only."),
    "19": (STOP, "The account has no route for this text."),
    "20": (LATER, "Too many texts to this number in a short time."),
    "21": (LATER, "An internal error at Infobip."),
    "25": (CONTENT, "The text is too long."),
    "51": (NEVER, "The number is missing."),
    "52": (NEVER, "The number is not valid."),
    "87": (NEVER, "Infobip's fraud protection refused the text."),
}
"""Status ids of a submit. The names are Infobip's, what they mean for us is our judgement."""

ERRORS: Mapping[str, tuple[ErrorClass, str]] = {
    "2050": (OPT_OUT, "The number is on a do-not-disturb list."),
    "5492": (CONTENT, "The carrier refuses the same text twice."),
}
"""Error ids of a receipt that mean more than Infobip's own flag `permanent` says."""

GROUPS: Mapping[str, State] = {
    "PENDING": State.ACCEPTED,
    "UNDELIVERABLE": State.UNDELIVERED,
    "DELIVERED": State.SENT,
    "EXPIRED": State.EXPIRED,
    "REJECTED": State.REJECTED,
}
NAMES: Mapping[str, State] = {
    "DELIVERED_TO_HANDSET": State.DELIVERED,
    "EXPIRED_DLR_UNKNOWN": State.UNCONFIRMED,
    DUPLICATE_NAME: State.ACCEPTED,  # speaks of our repeat; the first text lives on
}
"""Names that say something else than their group: DELIVERED_TO_OPERATOR, too, is in the group DELIVERED."""


class Infobip(HttpGateway):
    """One Infobip account."""

    kind = "infobip"
    title = "Infobip"
    docs_url = "https://www.infobip.com/docs/api/channels/sms"
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="API key.", required=True, secret=True),
        "base_url": Option(text="Address of the account (https://xxxxx.api.infobip.com).", required=True),
        "from": FROM,
    }
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        client_reference=True,
        idempotent=True,
        lookup=True,
        per_message_callback=True,
        replies=True,
        unverified="The upper bound of the validity (48 hours) is from memory.",
    )

    def submit(self, submission: Submission) -> Result:
        """Send; "duplicate" is believed only where the log does not say that the earlier try was refused."""
        result = super().submit(submission)
        if result.code == DUPLICATE and REFUSED in self._logged(submission):
            return of_class(NEVER, DUPLICATE, "An earlier try was refused, and Infobip takes no second one.")
        return result

    def encode(self, submission: Submission) -> Call:
        """Write POST /sms/3/messages."""
        minutes = max(int(submission.validity.total_seconds()) // 60, 1)
        message: dict[str, Any] = {
            "sender": e164.bare(submission.sender or self.setting("from")),
            "destinations": [{"to": e164.bare(submission.to), "messageId": submission.message_id}],
            "content": {"text": submission.text},
            "options": {"validityPeriod": {"amount": min(minutes, MAX_MINUTES), "timeUnit": "MINUTES"}},
        }
        if submission.receipt_url:
            message["webhooks"] = {"delivery": {"url": submission.receipt_url}, "contentType": "application/json"}
        body = {"messages": [message], "options": {"includeSmsCountInResponse": True}}
        return Call(method="POST", url=self.url("/sms/3/messages"), headers=self._headers, json=body)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read the one recipient's status; "duplicate message id" means that an earlier try was taken."""
        body = reply.json()
        if reply.status == 429:
            return throttled(reply, reading.text(body, "errorCode"))
        if reply.status != 200:
            return _refused(reply, body)
        row = reading.dig(body, "messages.0")
        status_id, group = reading.text(row, "status.id"), reading.text(row, "status.groupId")
        if status_id == DUPLICATE:
            return _taken_before(submission)
        if group in TAKEN and reading.text(row, "messageId"):
            return _accepted(row)
        if status_id in CODES:
            return of_class(CODES[status_id][0], status_id, CODES[status_id][1])
        if group in {"2", "4", "5"}:
            return of_class(NEVER, status_id or group, reading.first_text(row, "status.description", "status.name"))
        return not_understood(reply)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the delivery reports in a callback."""
        rows = reading.items(reading.json_object(incoming.body), "results")
        return [_receipt(row) for row in rows if reading.dig(row, "status") is not None]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read the texts from phones in a callback."""
        rows = reading.items(reading.json_object(incoming.body), "results")
        return [
            Reply(
                id=reading.required(row, "messageId"),
                number=e164.plus(reading.required(row, "from")),
                to=e164.plus(reading.text(row, "to")),
                text=reading.text(row, "text"),
                at=reading.moment(reading.dig(row, "receivedAt")),
            )
            for row in rows
            if reading.dig(row, "status") is None
        ]

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        """Look our id up in the logs of the last 48 hours; a text that is not there (yet) proves nothing."""
        groups = self._logged(submission)
        # A text that was taken and failed later was taken all the same; its receipt says the rest.
        return _taken_before(submission) if groups and REFUSED not in groups else None

    def _logged(self, submission: Submission) -> set[str]:
        params = {"messageId": submission.message_id}
        reply = self.ask(Call(method="GET", url=self.url("/sms/3/logs"), headers=self._headers, params=params))
        rows = [] if reply is None else reading.items(reply.json(), "results")
        mine = [row for row in rows if reading.text(row, "messageId") == submission.message_id]
        return {reading.text(row, "status.groupName") for row in mine}

    def balance_call(self) -> Call:
        """Ask for the balance (users of the API on GitHub, read 2026-11; Infobip's own file does not hold it)."""
        return Call(method="GET", url=self.url("/account/1/balance"), headers=self._headers)

    def read_balance(self, body: Any) -> str:
        """Read the money left, with its currency."""
        return money(reading.dig(body, "balance"), reading.text(body, "currency").upper())

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"App {self.setting('api_key')}", "Accept": "application/json"}


def _taken_before(submission: Submission) -> Result:
    return Result(outcome=Outcome.ACCEPTED, provider_id=submission.message_id, code=DUPLICATE)


def _accepted(row: Any) -> Result:
    count = reading.text(row, "details.messageCount")
    return Result(
        outcome=Outcome.ACCEPTED,
        provider_id=reading.text(row, "messageId"),
        segments=int(count) if count.isdecimal() and 0 < len(count) < 3 and int(count) else None,
    )


def _refused(reply: HttpReply, body: Any) -> Result:
    code, says = reading.text(body, "errorCode"), reading.first_text(body, "description", "action")
    if reply.status in (401, 403):
        return of_class(STOP, code or f"http_{reply.status}", "Infobip refuses the API key or what it may do.")
    if reply.status == 400 and code:
        return of_class(NEVER, code, says)
    return not_understood(reply)


def _receipt(row: Any) -> Receipt:
    group, name = reading.required(row, "status.groupName"), reading.text(row, "status.name")
    code, price = reading.text(row, "error.id"), reading.decimal(reading.dig(row, "price.pricePerMessage"))
    state = NAMES.get(name, GROUPS.get(group, State.UNCONFIRMED))
    message_id = reading.required(row, "messageId")
    count = reading.decimal(reading.dig(row, "messageCount")) or Decimal(1)
    return Receipt(
        state=state if group in GROUPS else State.UNCONFIRMED,
        provider_id=message_id,
        message_id=message_id,
        raw_status=f"{group}.{name}".rstrip("."),
        error_code="" if code == "0" else code,
        error=_error(row, code)
        if state.rank >= State.UNDELIVERED.rank and state is not State.DELIVERED
        else ErrorClass.NONE,
        at=reading.moment(reading.dig(row, "doneAt")),
        cost=f"{price * count:f}" if price is not None else "",
        currency=reading.text(row, "price.currency").upper() if price is not None else "",
    )


def _error(row: Any, code: str) -> ErrorClass:
    if code in ERRORS:
        return ERRORS[code][0]
    if code in ("", "0"):
        return ErrorClass.NONE
    return NEVER if reading.flag(row, "error.permanent") else LATER


GATEWAY = Infobip
