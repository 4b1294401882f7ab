"""From us to the provider and back: submission, result, receipt, reply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from model.message import State


class Outcome(Enum):
    """How a submit ended. UNKNOWN means the provider may have it: never repeat it blindly."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    RETRY = "retry"
    UNKNOWN = "unknown"


class ErrorClass(Enum):
    """What kind of no it was, and with it what the dispatcher does next."""

    NONE = ("none", "")
    RETRY = ("retry", "Try again later, on another gateway if one is healthy.")
    THROTTLE = ("throttle", "Slow this gateway down; the message keeps its place.")
    PERMANENT = ("permanent", "This number cannot be reached; the message ends.")
    OPT_OUT = ("opt_out", "The person opted out at the provider; the opt-out is recorded.")
    CONTENT = ("content", "The provider refuses this text; the message ends.")
    SENDER_CONFIG = ("sender_config", "The sender is not set up at the provider; try the next gateway.")
    COUNTRY_CONFIG = ("country_config", "The account may not text this country; try the next gateway.")
    ROUTE_STOP = ("route_stop", "Account, credit or sign-in trouble: rest this gateway and tell a person.")
    UNKNOWN = ("unknown", "Nobody knows whether the provider took it.")

    def __init__(self, code: str, action: str) -> None:
        self.code, self.action = code, action


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a gateway needs to know to hand one message over.

    `to` is E.164 with plus; `encoding` is "gsm7" or "ucs2"; `receipt_url` and `reply_url` carry our message id
    or the gateway's secret token, "" when no public address is configured.
    """

    message_id: str
    to: str
    text: str
    sender: str = ""
    encoding: str = "gsm7"
    segments: int = 1
    validity: timedelta = timedelta(hours=24)
    receipt_url: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPart:
    """What became of one part of a long text that the provider takes in parts; "" where it gave no id."""

    provider_id: str = ""
    state: State = State.ACCEPTED
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a gateway said to one submission. `cost` is in the provider's `currency`, major units, as text.

    `parts` is empty where one id stands for the whole text; else `provider_id` is the id of its first part.
    """

    outcome: Outcome
    error: ErrorClass = ErrorClass.NONE
    provider_id: str = ""
    code: str = ""
    text: str = ""
    retry_after: timedelta | None = None
    segments: int | None = None
    cost: str = ""
    currency: str = ""
    parts: tuple[SentPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the provider says later about a message it took.

    It is matched by `message_id` (ours, when the address or a reference carried it), else by `provider_id`, else by
    the `spellings` its id may have had when the text was taken. A spelling alone may fit a stranger's text: it
    counts only together with `number`, the phone the text went to, in E.164.
    """

    state: State
    provider_id: str = ""
    message_id: str = ""
    raw_status: str = ""
    error_code: str = ""
    error: ErrorClass = ErrorClass.NONE
    at: datetime | None = None
    part: str = ""
    cost: str = ""
    currency: str = ""
    spellings: tuple[str, ...] = ()
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyPart:
    """Which part of a long text this is. `reference` is the same in all parts of one text."""

    reference: str
    number: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text that came from a phone. `number` is theirs, `to` is ours, both E.164 where possible.

    With `part` it is one piece of a longer text: `text` may then end or begin with half a character.
    """

    id: str
    number: str
    to: str
    text: str
    at: datetime | None = None
    opt_out: bool = False
    part: ReplyPart | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a reply changes in the record it answers: fields to write, and a note for the people who look at it.

    `id` is the same each time it is tried, so that a source can tell a repetition from a second change.
    """

    id: str
    intent: str
    fields: Mapping[str, str]
    note: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A text that a reply may answer. `at` is when it left; `answered` tells that an earlier reply was understood."""

    id: str
    event_id: str
    source: str
    rule: str
    step: str
    key: str
    locale: str
    category: str
    at: datetime
    answered: bool = False
