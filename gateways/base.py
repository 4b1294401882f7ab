"""The contract every SMS provider fulfils: the mirror image of connectors/base.py.

Long because the contract stands with what all who fulfil it over HTTP share: how they ask, and the results they build.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol

from model.event import Answer, Incoming
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading
from wire.http import Call, Client, Forbidden, NotSent, Unclear
from wire.http import Reply as HttpReply


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a gateway in tidings.toml, besides `kind`."""

    text: str
    default: Any = None
    required: bool = False
    secret: bool = False


FROM = Option(text="Number or name texts come from, where a rule states none.", default="")
"""What the option `from` is, wherever it is one."""


def api_at(address: str) -> Option:
    """Declare `base_url` for a provider whose API is at the same address for everyone."""
    return Option(text="Address of the API.", default=address)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider can do, as data: the dispatcher reads it, the docs page shows it.

    `idempotent`: a repeated submit with our message id is recognised. `lookup`: an unclear submit can be asked about.
    `receipts` says how they are proved genuine; "token" means by the secret in the address only, "connection" that they
    come on the connection the gateway holds itself.
    """

    number_format: Literal["plus", "digits"] = "plus"
    max_segments: int = 10
    validity: bool = False
    client_reference: bool = False
    idempotent: bool = False
    lookup: bool = False
    per_message_callback: bool = False
    receipts: Literal["none", "token", "signed", "connection"] = "token"
    replies: bool = False
    test_mode: bool = False
    unverified: str = ""


def utc_now() -> datetime:
    """Return the time with which requests are signed; tests put another clock in its place."""
    return datetime.now(UTC)


class Inbox(Protocol):
    """Where a gateway that holds its own connection hands in what came on it.

    Both return after the commit and raise when nothing was kept: only then may the provider be told to forget.
    """

    def receipts(self, gateway: str, found: Sequence[Receipt]) -> None:
        """Keep receipts."""

    def replies(self, gateway: str, found: Sequence[Reply]) -> None:
        """Keep texts from phones."""


class Gateway(ABC):
    """One provider connection. `name` is its name in tidings.toml, `kind` the file it is made from."""

    kind: ClassVar[str]
    title: ClassVar[str]
    docs_url: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Option]] = {}
    capabilities: Capabilities = Capabilities()

    def __init__(self, name: str, settings: Mapping[str, Any], http: Client) -> None:
        self.name, self.http = name, http
        self.clock: Callable[[], datetime] = utc_now
        self.settings: dict[str, Any] = {key: settings.get(key, option.default) for key, option in self.options.items()}

    def setting(self, name: str) -> str:
        """Return a setting as text, "" where none is stated."""
        return str(self.settings[name] or "")

    def open(self, inbox: Inbox) -> None:  # noqa: B027 - most providers are called, not connected to
        """Start to hold a connection, where the provider wants one. Returns at once; trouble shows in the results."""

    def close(self) -> None:  # noqa: B027 - see open
        """End what `open` started. Nothing reaches the inbox afterwards."""

    @abstractmethod
    def submit(self, submission: Submission) -> Result:
        """Hand one message over, once. Never raises for anything the provider does."""

    def begin(self, submission: Submission, done: Callable[[Callable[[], Result]], None]) -> bool:
        """Hand one message over without waiting; `done` gets what reads the result, once, on any thread.

        False where nothing was begun because the gateway is called by `submit` only, as most are.
        """
        return False

    def verify(self, incoming: Incoming, now: datetime) -> None:  # noqa: B027 - most providers do not sign
        """Check a receipt or reply over the raw bytes. Raises Refused.

        The secret token in the address was checked before; providers that sign are checked here.
        """

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Return the receipts in a callback, [] when it holds none. Raises Refused(BAD_SHAPE)."""
        return []

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Return the texts from phones in a callback, [] when it holds none. Raises Refused(BAD_SHAPE)."""
        return []

    def answer(self) -> Answer:
        """Say what this provider wants to hear after a receipt or reply."""
        return Answer()

    def resolve(self, submission: Submission, submitted_at: datetime) -> Result | None:
        """Ask the provider about a submit with unknown outcome; None when it cannot tell (yet)."""
        return None

    def balance(self) -> str:
        """Return what is left on the account as people read it, "" when the provider does not say."""
        return ""


class HttpGateway(Gateway):
    """A provider reached by one HTTP request per message: subclasses only encode and decode, both pure."""

    @abstractmethod
    def encode(self, submission: Submission) -> Call:
        """Write the provider's request."""

    @abstractmethod
    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read the provider's answer. Anything not understood is UNKNOWN when it may have been taken."""

    def submit(self, submission: Submission) -> Result:
        """Send the request once and sort what happens into the four outcomes."""
        if not is_unicode(submission.text + submission.sender):
            return half_a_character()
        try:
            reply = self.http.send(self.encode(submission))
        except NotSent as error:
            return Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, code="not_sent", text=str(error))
        except Unclear as error:
            return Result(outcome=Outcome.UNKNOWN, error=ErrorClass.UNKNOWN, code="unclear", text=str(error))
        except Forbidden as error:
            return Result(outcome=Outcome.REJECTED, error=ErrorClass.ROUTE_STOP, code="forbidden", text=str(error))
        result = self.decode(reply, submission)
        return replace(
            result, code=self._redacted(result.code, submission), text=self._redacted(result.text, submission)
        )

    def url(self, path: str) -> str:
        """Return the address of a path of the provider's API, however `base_url` ends."""
        return f"{self.setting('base_url').rstrip('/')}{path}"

    def balance_call(self) -> Call | None:
        """Write the request that asks what is left; None where the provider has none."""
        return None

    def read_balance(self, body: Any) -> str:
        """Read the answer to it, "" when it says nothing."""
        return ""

    def balance(self) -> str:
        """Ask once; whatever goes wrong, nothing is known."""
        call = self.balance_call()
        if call is None:
            return ""
        reply = self.ask(call)
        return "" if reply is None else self.read_balance(reply.json())

    def ask(self, call: Call) -> HttpReply | None:
        """Ask the provider something that sends no text; None where it does not answer with 200."""
        try:
            reply = self.http.send(call)
        except (NotSent, Unclear, Forbidden):
            return None
        return reply if reply.status == 200 else None

    def _redacted(self, words: str, submission: Submission) -> str:
        """Blank what a provider quotes back at us: its refusal is stored and shown, our secrets and numbers are not."""
        secrets = [self.setting(name) for name, option in self.options.items() if option.secret]
        for secret in (secret for secret in secrets if len(secret) > 3):  # shorter ones are inside common words
            words = words.replace(secret, "***")
        number = submission.to.removeprefix("+")
        return words.replace(number, f"...{number[-2:]}") if number else words


def is_unicode(text: str) -> bool:
    """A lone surrogate, as JSON can carry it, has no UTF-8 form: no provider can be told it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def half_a_character() -> Result:
    """Build the result of a text that no provider can be told."""
    return of_class(ErrorClass.CONTENT, "not_unicode", "The text holds half a character and cannot be sent.")


def money(amount: Any, unit: str) -> str:
    """Write an amount with its currency or unit, "" when it is none."""
    found = reading.amount(amount)
    return "" if found is None else f"{found} {unit}".strip()


def retry_after(reply: HttpReply) -> timedelta | None:
    """Read a Retry-After header in seconds, bounded to an hour; dates are left to the dispatcher's own schedule."""
    value = reply.headers.get("retry-after", "")
    return timedelta(seconds=min(int(value), 3600)) if value.isdecimal() and len(value) < 9 else None


def throttled(reply: HttpReply, code: str = "", text: str = "") -> Result:
    """Build the result of "too many requests": nothing was taken, slow down."""
    return Result(
        outcome=Outcome.RETRY,
        error=ErrorClass.THROTTLE,
        code=code or str(reply.status),
        text=text or "The provider asks us to slow down.",
        retry_after=retry_after(reply),
    )


def not_understood(reply: HttpReply) -> Result:
    """Build the result of an answer we cannot read: the provider may have taken the message."""
    return Result(
        outcome=Outcome.UNKNOWN,
        error=ErrorClass.UNKNOWN,
        code=f"http_{reply.status}",
        text="The provider's answer was not understood.",
    )


def of_class(error: ErrorClass, code: str, text: str) -> Result:
    """Build the result of a definite no of the given class."""
    again = {ErrorClass.RETRY, ErrorClass.THROTTLE}
    outcome = Outcome.UNKNOWN if error is ErrorClass.UNKNOWN else Outcome.RETRY if error in again else Outcome.REJECTED
    return Result(outcome=outcome, error=error, code=code, text=text[:300])
