"""The contract every business system fulfils: one file per system, the folder is the registry.

Long because the contract stands with its words: what a system must have, and the seven things it may do besides.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Stop
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from model.event import Answer, Event, Incoming
from model.reasons import Reason, Refused
from model.sending import Change
from wire.http import Call, Reply
from wire.signatures import Scheme


class Http(Protocol):
    """The one way a connector reaches its system: timeouts, host allow-list and size cap are set inside."""

    def send(self, call: Call) -> Reply:
        """Send one request once. Raises wire.http's NotSent, Unclear or Forbidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that makes no sense: it is kept with the sentence why, and read again by `parse` after a fix."""

    body: bytes
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a poll: what was found, where to go on, and whether more waits."""

    events: Sequence[Event]
    cursor: Mapping[str, Any]
    more: bool = False
    unreadable: Sequence[Unreadable] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a source in tidings.toml, besides `connector` and `secret`."""

    text: str
    default: Any = None
    required: bool = False
    secret: bool = False


class Connector(ABC):
    """One business system. Subclasses stay pure: bytes in, events out.

    `scheme` says how its requests are signed; a system with a proof of its own overrides `verify` and `sign`.
    `event_types` maps each normalised type it can emit to a sentence, `fields` documents `event.data` per type:
    dotted path -> (kind, sentence), kind one of text, number, money, time, date, phone, bool, list.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    category: ClassVar[str]
    docs_url: ClassVar[str] = ""
    scheme: Scheme
    event_types: ClassVar[Mapping[str, str]]
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {}
    options: ClassVar[Mapping[str, Option]] = {}
    needs_secret: ClassVar[bool] = True
    asks: ClassVar[Sequence[str]] = ()
    """The options that hold the addresses it asks; `hosts` are theirs."""
    setup: ClassVar[Sequence[str]] = ()
    limits: ClassVar[Sequence[str]] = ()
    provider_texts: ClassVar[str] = ""
    """How the system itself may text the same people; "" where it does not."""
    library: ClassVar[str] = ""
    """The module of an optional library it cannot work without; `extra` of ours installs it."""
    extra: ClassVar[str] = ""
    sender_headers: ClassVar[Mapping[str, str]] = {"content-type": "application/json"}

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        given = dict(settings or {})
        self.settings: dict[str, Any] = {name: given.get(name, option.default) for name, option in self.options.items()}

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Answer a challenge that proves we own the address; None when the request is no challenge."""
        return None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check over the raw bytes that the request is genuine. Raises Refused otherwise."""
        self.scheme.check(incoming, secrets, now)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request as the real sender would send it: the mirror image of `verify`, for tests and the demo."""
        return self.scheme.sign(incoming, secret, now)

    @abstractmethod
    def parse(self, incoming: Incoming) -> list[Event]:
        """Turn a genuine request into events, [] where nothing in it matters. Raises Refused(BAD_SHAPE)."""

    def answer(self, events: Sequence[Event]) -> Answer:
        """Say what this sender wants to hear once everything is stored."""
        return Answer()

    @property
    def hosts(self) -> Sequence[str]:
        """The hosts `lookup` and `poll` may reach, "" for an address that is not set."""
        return tuple(urlsplit(self.address(option)).hostname or "" for option in self.asks)

    def address(self, option: str) -> str:
        """Return the address in one of the options, without a slash at its end."""
        return str(self.settings[option]).rstrip("/")

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what is held open between polls; the service stops."""


class PolledOnly(Connector):
    """A system that posts nothing: its events come by `poll` or `consume` alone."""

    needs_secret: ClassVar[bool] = False

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Refuse whatever is posted: nothing of this system's can be genuine."""
        raise Refused(Reason.BAD_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request as it is; this system sends none."""
        return incoming

    def parse(self, incoming: Incoming) -> list[Event]:
        """Nothing is posted, so there is nothing to read."""
        return []


class Poller(Protocol):
    """A connector that can also ask its system for what changed."""

    poll_every: ClassVar[str]

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Return what changed since `cursor` ({} at first: set the baseline, emit nothing). Raises AskFailed."""


Accept = Callable[[bytes, Mapping[str, str]], None]
"""Stores one message, its body and headers. Returns after the commit; whatever it raises, the message is not stored."""


class Consumer(Protocol):
    """A connector that waits at a message bus; it has a thread of its own."""

    def consume(self, accept: Accept, stop: Stop) -> None:
        """Hand over messages until `stop` is set, and acknowledge each once `accept` has returned.

        Raises AskFailed when the bus cannot be reached or is gone; it is called again after a while.
        """


class Lookup(Protocol):
    """A connector whose events are thin: the record or the phone has to be fetched."""

    def lookup(self, event: Event, http: Http) -> Event:
        """Return `event` with what was missing. Raises AskFailed."""


class Refresh(Protocol):
    """A connector that can fetch the record of an event again, right before a text about it leaves."""

    def refresh(self, event: Event, http: Http) -> Event:
        """Return `event` with its data as they are now. Raises AskFailed; `gone` cancels the text."""


class WriteBack(Protocol):
    """A connector that can write into the record of an event what somebody answered to a text about it."""

    def write_back(self, event: Event, change: Change, http: Http, now: datetime) -> None:
        """Write the fields and the note of `change` to the record; a repetition must do no harm. Raises AskFailed."""


class Audience(Protocol):
    """A connector that can be asked for people, by a query in its system's own words.

    `audience_query` says how one is written, with an example.
    """

    audience_query: ClassVar[str]

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records, no more than a page of them in memory, and change nothing.

        Raises AskFailed, `permanent` before anything is asked where the query is none, or could write.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A system's promise to tell us: a webhook, subscription or channel as it stands there. No topics means all."""

    id: str
    address: str
    topics: Sequence[str] = ()
    is_on: bool = True
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A subscription to be made: our address, the secret it is to be proved by, and what it is to tell."""

    address: str
    secret: str = field(repr=False)
    topics: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A subscription that was made, with its secret where the system makes that up and tells it this once."""

    hook: Hook
    secret: str = field(default="", repr=False)


class Subscriptions(Protocol):
    """Where a system keeps its subscriptions. `at_once`: one of them carries all topics.

    `gives_secret`: the system makes the secret up, so that a new one needs somebody who writes it down.
    """

    @property
    def topics(self) -> Sequence[str]:
        """What we want to be told, in the system's words."""

    @property
    def at_once(self) -> bool:
        """Tell whether one subscription carries all topics."""

    @property
    def gives_secret(self) -> bool:
        """Tell whether the system makes the secret up."""

    def hooks(self, http: Http) -> Sequence[Hook]:
        """Return those there are, of others too. Raises AskFailed."""

    def subscribe(self, wish: Wish, http: Http) -> Made:
        """Make one. Raises AskFailed."""

    def renew(self, hook: Hook, wish: Wish, http: Http) -> None:
        """Let one live on, or switch it on again. Raises AskFailed."""

    def unsubscribe(self, hook: Hook, http: Http) -> None:
        """Remove one. Raises AskFailed."""


class Subscribes(Protocol):
    """A connector that can make and keep its system's subscriptions."""

    def subscriptions(self) -> Subscriptions:
        """Return where they are kept. Raises AskFailed while a setting is missing."""


class AskFailed(Exception):  # noqa: N818 - names the outcome
    """The system did not tell; a poll's cursor stays where it was.

    `gone`: the record is not there any more, or was cancelled. `permanent`: asking again cannot help, be it gone or a
    key missing. `retry_after`: how long the system wants to be left alone.
    """

    def __init__(
        self, text: str, *, permanent: bool = False, gone: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(text)
        self.permanent, self.gone, self.retry_after = permanent or gone, gone, retry_after


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A connector whose optional library is not installed."""

    name: str
    install: str
    title: str = field(default="")
