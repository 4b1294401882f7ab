"""Twilio Messages API, and hosts that speak it (SignalWire and others) by `base_url`.

Sources: twilio-oai spec/json/twilio_api_v2010.json of 2026-04-14, twilio-python 9.13.0 request_validator.py,
nyaruka/courier handlers/twiml/errors.json of 2026-08-19; read 2026-10. What Twilio writes into a callback may grow:
unknown fields are never an error.

Long because of its table of error codes, two ways to sign in, and texts looked up by what they say.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from gateways.base import FROM, Capabilities, HttpGateway, Option, api_at, money, not_understood, of_class, throttled
from model.event import Answer, Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading
from wire.http import Call
from wire.http import Reply as HttpReply

MAX_VALIDITY = 36_000
SETTLED = timedelta(seconds=60)  # after this long a text Twilio does not list was not taken
CLOCK_SLACK = timedelta(seconds=5)
FORM = "application/x-www-form-urlencoded"

STOP, SLOW, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.THROTTLE, ErrorClass.RETRY, ErrorClass.PERMANENT
SENDER, COUNTRY, CONTENT = ErrorClass.SENDER_CONFIG, ErrorClass.COUNTRY_CONFIG, ErrorClass.CONTENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "10001": (STOP, "The account is not active."),
    "20003": (STOP, "The account SID or token is wrong."),
    "20005": (STOP, "The account is not active."),
    "20006": (STOP, "Access is denied."),
    "20008": (STOP, "Test credentials cannot do this."),
    "20010": (STOP, "The account may not use this service."),
    "30002": (STOP, "The account is suspended."),
    "63038": (STOP, "The daily limit of the account is used up."),
    "14107": (SLOW, "The sending rate is exceeded."),
    "20429": (SLOW, "Too many requests; this one was not processed."),
    "21611": (SLOW, "The queue of this sender is full."),
    "30001": (SLOW, "The queue is full."),
    "30022": (SLOW, "The rate of the US campaign is exceeded."),
    "30023": (SLOW, "The daily limit of the US campaign is used up."),
    "30027": (SLOW, "The carrier's daily limit is used up."),
    "63018": (SLOW, "The sending rate is exceeded."),
    "20500": (LATER, "An internal error."),
    "20503": (LATER, "The service is unavailable."),
    "30003": (LATER, "The phone cannot be reached at the moment."),
    "30008": (LATER, "An error nobody could name."),
    "30017": (LATER, "The carrier's network is congested."),
    "30410": (LATER, "The carrier did not answer in time."),
    "21211": (NEVER, "The number is not valid."),
    "21214": (NEVER, "The number cannot be reached."),
    "21217": (NEVER, "The number is not valid."),
    "21219": (NEVER, "A trial account may text verified numbers only."),
    "21608": (NEVER, "A trial account may text verified numbers only."),
    "21612": (NEVER, "The number cannot be reached by SMS from this sender."),
    "21614": (NEVER, "The number is not a mobile number."),
    "30004": (NEVER, "The number is blocked from receiving texts."),  # by carrier or person: no proof of an opt-out
    "30005": (NEVER, "The phone does not exist or is switched off."),
    "30006": (NEVER, "The number is a landline, or its carrier takes no texts."),
    "21408": (COUNTRY, "The account may not text this country."),
    "21215": (COUNTRY, "The account may not text this country."),
    "21610": (ErrorClass.OPT_OUT, "The person replied STOP."),
    "21602": (CONTENT, "The text is empty."),
    "21617": (CONTENT, "The text is longer than 1,600 characters."),
    "21618": (CONTENT, "The text is not allowed."),
    "30007": (CONTENT, "The carrier filtered the text."),
    "30019": (CONTENT, "The text is too large for the carrier."),
    "21212": (SENDER, "The sender is not valid."),
    "21603": (SENDER, "The sender is missing."),
    "21606": (SENDER, "The sender does not belong to the account or cannot text this number."),
    "21701": (SENDER, "The messaging service does not exist."),
    "21702": (SENDER, "The messaging service cannot be used."),
    "21703": (SENDER, "The messaging service has no sender."),
    "21704": (SENDER, "The messaging service has no sender for this number."),
    "21705": (SENDER, "The messaging service is not valid."),
    "30018": (SENDER, "The sender is not registered in this country."),
    "30024": (SENDER, "The sender is not set up at the carrier."),
    "30032": (SENDER, "The toll-free number is not verified."),
    "30034": (SENDER, "The US sender is not registered."),  # from memory
    "30035": (SENDER, "The registration of the US sender is incomplete."),  # from memory
}
"""Twilio's error codes, in answers and receipts. The names are Twilio's, what they mean for us is our judgement."""

STATES: Mapping[str, State] = {
    "accepted": State.ACCEPTED,
    "scheduled": State.ACCEPTED,
    "queued": State.ACCEPTED,
    "sending": State.SENDING,
    "sent": State.SENT,
    "partially_delivered": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.FAILED,
    "canceled": State.CANCELLED,
}
EXPIRED = frozenset({"30036"})  # from memory
OVER = {"undelivered", "failed", "canceled"}


class Twilio(HttpGateway):
    """One Twilio account or messaging service."""

    kind = "twilio"
    title = "Twilio"
    docs_url = "https://www.twilio.com/docs/messaging/api/message-resource"
    options: ClassVar[Mapping[str, Option]] = {
        "account_sid": Option(text="Account SID (AC...).", required=True),
        "auth_token": Option(text="Auth token; it also proves receipts and replies genuine.", default="", secret=True),
        "auth_token_secondary": Option(text="Second token, while tokens are rotated.", default="", secret=True),
        "api_key": Option(text="API key SID (SK...), to send without the auth token.", default=""),
        "api_secret": Option(text="Secret of the API key.", default="", secret=True),
        "from": FROM,
        "messaging_service_sid": Option(text="Messaging service (MG...) that picks the sender.", default=""),
        "base_url": api_at("https://api.twilio.com"),
    }
    capabilities = Capabilities(
        validity=True, lookup=True, per_message_callback=True, receipts="signed", replies=True, test_mode=True
    )

    def encode(self, submission: Submission) -> Call:
        """Write POST Messages.json."""
        service = self.setting("messaging_service_sid")
        sender = submission.sender or ("" if service else self.setting("from"))
        fields = {
            "To": submission.to,
            "From": sender,
            "MessagingServiceSid": service,
            "Body": submission.text,
            "ValidityPeriod": str(min(max(int(submission.validity.total_seconds()), 1), MAX_VALIDITY)),
            "SmartEncoded": "false",  # Twilio would change letters; what a rule says is what is sent
            "StatusCallback": submission.receipt_url,
        }
        kept = [(name, value) for name, value in fields.items() if value or name == "Body"]
        return Call(method="POST", url=self._url("Messages.json"), form=kept, auth=self._credentials)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 201 with a sid as accepted, and Twilio's own {code, message, status} as a no."""
        body = reply.json()
        failed = reading.text(body, "error_code")
        code = failed or reading.text(body, "code")
        if (
            reply.status == 201
            and reading.text(body, "sid")
            and not failed
            and reading.text(body, "status") not in OVER
        ):
            return _accepted(body)
        if reply.status == 429:
            return throttled(reply, code, CODES[code][1] if code in CODES else "")
        if reply.status in range(300, 400):
            return not_understood(reply)
        if code in CODES:
            return of_class(CODES[code][0], code, CODES[code][1])
        return _unlisted(reply, body, code)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check X-Twilio-Signature over the public address and the form."""
        given = incoming.header("x-twilio-signature")
        if not given:
            raise Refused(Reason.NO_SIGNATURE, "Header X-Twilio-Signature is missing.")
        tokens = [token for name in ("auth_token", "auth_token_secondary") if (token := self.setting(name))]
        if not tokens:
            raise Refused(Reason.BAD_SIGNATURE, "Set auth_token: Twilio signs with it.")
        fields = _signed_fields(incoming)
        ours = [sign(token, url, fields) for token in tokens for url in _with_and_without_port(incoming.url)]
        if not any(hmac.compare_digest(one.encode(), given.encode("utf-8", "surrogateescape")) for one in ours):
            raise Refused(Reason.BAD_SIGNATURE)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read a status callback; a text from a phone at the same address holds no receipt."""
        form = reading.form(incoming.body)
        if "MessageStatus" not in form and "Body" in form:
            return []
        status, code = reading.required(form, "MessageStatus"), reading.text(form, "ErrorCode")
        state = STATES.get(status.lower(), State.UNCONFIRMED)
        return [
            Receipt(
                state=State.EXPIRED if state is State.UNDELIVERED and code in EXPIRED else state,
                provider_id=reading.required(form, "MessageSid"),
                raw_status=status,
                error_code=code,
                error=CODES[code][0] if code in CODES else ErrorClass.NONE,
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; a status callback at the same address holds none."""
        form = reading.form(incoming.body)
        if "Body" not in form and "MessageStatus" in form:
            return []
        return [
            Reply(
                id=reading.required(form, "MessageSid"),
                number=reading.required(form, "From"),
                to=reading.text(form, "To"),
                text=reading.text(form, "Body"),
                opt_out=reading.text(form, "OptOutType").upper() == "STOP",
            )
        ]

    def answer(self) -> Answer:
        """Say nothing, in TwiML: words here would be texted back to the phone."""
        return Answer(body="<Response/>", content_type="text/xml")

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        """List what was sent to this number since then and compare the texts.

        Exactly one hit is adopted. None at all, a minute later by Twilio's clock, means that it was not taken.
        """
        params = {"To": submission.to, "DateSent>": f"{submitted_at.astimezone(UTC):%Y-%m-%d}", "PageSize": "200"}
        url = self._url("Messages.json")
        reply = self.ask(Call(method="GET", url=url, params=params, auth=self._credentials))
        page = None if reply is None else reply.json()
        if reply is None or not isinstance(reading.dig(page, "messages"), list):
            return None
        hits = [row for row in reading.items(page, "messages") if _is_it(row, submission, submitted_at)]
        if len(hits) == 1:
            return _accepted(hits[0])
        now = _rfc_2822(reply.headers.get("date", ""))
        if hits or reading.text(page, "next_page_uri") or now is None or now - submitted_at < SETTLED:
            return None
        return of_class(ErrorClass.RETRY, "not_found", "Twilio does not know this text; it was not taken.")

    def balance_call(self) -> Call:
        """Ask for the account's balance."""
        return Call(method="GET", url=self._url("Balance.json"), auth=self._credentials)

    def read_balance(self, body: Any) -> str:
        """Read the money left, with its currency."""
        return money(reading.dig(body, "balance"), reading.text(body, "currency").upper())

    @property
    def _credentials(self) -> tuple[str, str]:
        if self.setting("api_key"):
            return self.setting("api_key"), self.setting("api_secret")
        return self.setting("account_sid"), self.setting("auth_token")

    def _url(self, resource: str) -> str:
        return self.url(f"/2010-04-01/Accounts/{self.setting('account_sid')}/{resource}")


def sign(token: str, url: str, fields: set[tuple[str, str]]) -> str:
    """Return X-Twilio-Signature: the address, then every name and value in code-point order without separators."""
    text = url + "".join(name + value for name, value in sorted(fields))
    mac = hmac.new(token.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def _signed_fields(incoming: Incoming) -> set[tuple[str, str]]:
    """Return the fields under the signature. Bodies that are no form are signed by their digest in the address."""
    kind = incoming.header("content-type").partition(";")[0].strip().lower()
    if not incoming.body or kind in ("", FORM):
        try:
            return set(parse_qsl(incoming.body.decode(), keep_blank_values=True, max_num_fields=1000))
        except ValueError:
            raise Refused(Reason.BAD_SIGNATURE, "The body is not a form.") from None
    stated = dict(parse_qsl(urlsplit(incoming.url).query)).get("bodySHA256", "")
    digest = hashlib.sha256(incoming.body).hexdigest()
    if not hmac.compare_digest(digest, stated.encode("ascii", "replace").decode()):
        raise Refused(Reason.BAD_SIGNATURE, "The body is not the one that was signed.")
    return set()


def _with_and_without_port(url: str) -> Iterator[str]:
    """Twilio signs now with the port, now without; its own library accepts both (twilio-python, 2026-10)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    port = parts.netloc.partition(":")[2] or ("443" if parts.scheme == "https" else "80")
    for netloc in (host, f"{host}:{port}"):
        yield url.replace(f"//{parts.netloc}", f"//{netloc}", 1)


def _accepted(row: Any) -> Result:
    segments = reading.text(row, "num_segments")  # "0" until a messaging service has picked a sender
    price = reading.amount(reading.dig(row, "price"))
    return Result(
        outcome=Outcome.ACCEPTED,
        provider_id=reading.text(row, "sid"),
        segments=int(segments) if segments.isdecimal() and 0 < len(segments) < 4 and int(segments) else None,
        cost="" if price is None else price.removeprefix("-"),
        currency="" if price is None else reading.text(row, "price_unit").upper(),
    )


def _unlisted(reply: HttpReply, body: Any, code: str) -> Result:
    """Sort a no whose code is not in the table, or that has none."""
    says = reading.text(body, "message")
    if reply.status in (401, 403, 404):
        return of_class(ErrorClass.ROUTE_STOP, code or f"http_{reply.status}", "Account or address is wrong.")
    if reply.status == 400 and says:
        return of_class(ErrorClass.PERMANENT, code or "http_400", says)
    if reply.status == 201 and reading.text(body, "status") in OVER:
        return of_class(ErrorClass.PERMANENT, code or "failed", "Twilio could not send this text.")
    return not_understood(reply)  # a proxy's 5xx does not know whether Twilio took the text


def _is_it(row: Any, submission: Submission, submitted_at: datetime) -> bool:
    created = _rfc_2822(reading.text(row, "date_created"))
    return (
        reading.dig(row, "body") == submission.text
        and reading.text(row, "to") == submission.to
        and bool(reading.text(row, "sid"))
        and not reading.text(row, "direction").startswith("inbound")
        and created is not None
        and created >= submitted_at - CLOCK_SLACK
    )


def _rfc_2822(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else None


GATEWAY = Twilio
