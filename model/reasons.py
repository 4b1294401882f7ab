"""Why something was refused or skipped: each reason is declared once, here.

Code, HTTP status, sentence and docs row come from the same enum member.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """Why the door refuses a request. `status` is the HTTP answer."""

    BAD_SIGNATURE = ("bad_signature", 401, "The signature does not match.")
    NO_SIGNATURE = ("no_signature", 401, "The request carries no signature.")
    STALE_SIGNATURE = ("stale_signature", 401, "The signature is too old or from the future.")
    UNKNOWN_SOURCE = ("unknown_source", 404, "No source of this name is configured.")
    BAD_METHOD = ("bad_method", 405, "This address takes POST requests only.")
    TOO_LARGE = ("too_large", 413, "The body is larger than this source may send.")
    TOO_MANY = ("too_many", 429, "This source sends faster than its limit.")
    STORE_DOWN = ("store_down", 503, "The event could not be stored; send it again.")
    BAD_SHAPE = ("bad_shape", 200, "The body is not what this connector expects; it is kept for replay.")

    def __init__(self, code: str, status: int, text: str) -> None:
        self.code, self.status, self.text = code, status, text


class Because(Enum):
    """Why a rule sent nothing, or why a message ended before the gateway took it."""

    NO_RULE = ("no_rule", "No rule listens to this event.")
    DISABLED = ("disabled", "The rule is switched off.")
    STALE = ("stale", "The event is older than the rule's max_age.")
    TEST_EVENT = ("test_event", "The event comes from the sender's test mode.")
    WHEN = ("when", "A condition of the rule does not hold.")
    TEXT_BY = ("text_by", "The value that picks the text has no text.")
    NO_RECIPIENT = ("no_recipient", "None of the rule's fields holds a usable phone number.")
    OPTED_OUT = ("opted_out", "The person asked to receive no more texts.")
    NO_CONSENT = ("no_consent", "The rule's category needs consent and there is none.")
    DUPLICATE = ("duplicate", "The same text was already planned for this record.")
    THROTTLED = ("throttled", "The person already got as many texts as the rule allows.")
    TOO_OFTEN = ("too_often", "The person already got as many marketing texts as the settings allow.")
    RENDER_ERROR = ("render_error", "The text could not be written.")
    RULE_ERROR = ("rule_error", "A condition or field of the rule could not be evaluated.")
    TOO_LONG = ("too_long", "The text needs more segments than the rule allows.")
    BLOCKED_CONTENT = ("blocked_content", "The text holds something that must not be texted.")
    NO_TIME = ("no_time", "The record holds no date or time for this text.")
    LATE = ("late", "The time for this text had already passed.")
    QUIET_HOURS = ("quiet_hours", "It is outside the hours in which this person may be texted.")
    SUPERSEDED = ("superseded", "A newer event replaced this text before it left.")
    CANCELLED = ("cancelled", "The record was cancelled, paid or closed before the text left.")
    CANCELS = ("cancels", "The event ends the texts that still waited for this record.")
    EXPIRED = ("expired", "The text was not handed over within its time to live.")
    RECHECK_FAILED = ("recheck_failed", "The source said that the text is no longer true.")
    BROKEN = ("broken", "A defect of Tidings kept this text from being handed over; the others went on.")
    PAUSED = ("paused", "Sending is paused.")
    SHADOW = ("shadow", "The rule runs in shadow: it decides and records, and sends nothing.")
    UNREADABLE = ("unreadable", "The body was genuine and could not be read.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Waits(Enum):
    """Why a text, or a person on a campaign's list, is parked: kept, shown, and let go by time or by an operator."""

    CAP_TEXTS = ("cap_texts", "The texts of this day are used up.")
    CAP_MONEY = ("cap_money", "The money of this day is used up.")
    CAP_DAY = ("cap_day", "The campaign's texts of this day are used up.")
    CAP_COUNTRY = ("cap_country", "The campaign's texts of this day to that country are used up.")
    CAP_SPENT = ("cap_spent", "The campaign's money of this day is used up.")
    LOCAL_START = ("local_start", "By the person's clock the campaign has not begun.")
    CLOSED_HOURS = ("closed_hours", "The person must not be texted at this hour.")
    RELEASED = ("released", "An operator lifted the cap; it leaves next.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Needs(Enum):
    """Why a reply waits for a person."""

    ASKED_TO_STOP = ("asked_to_stop", "A longer text asks to stop; the number is opted out. See whether that is right.")
    NOT_UNDERSTOOD = ("not_understood", "The rule asked, and the text is none of the answers it knows.")
    NOT_SURE = ("not_sure", "The text begins like an answer and goes on with a question.")
    SEVERAL = ("several", "Several records asked this phone, and the text does not say which one it answers.")
    TOO_LATE = ("too_late", "The answer came after the time it was about.")
    NOBODY_ASKED = ("nobody_asked", "No text of the last 14 days asked this phone for an answer.")
    NO_HELP = ("no_help", "The person asked for help and got no automatic answer.")
    NO_ANSWER = ("no_answer", "The automatic answer could not be written or sent.")
    NOT_WRITTEN = ("not_written", "The answer could not be written to the source's record.")
    BROKEN = ("broken", "Reading the answer failed on our side; it is in the log.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault of ours
    """A request from outside that we will not take, with its reason."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.text} {detail}".strip())
        self.reason, self.detail = reason, detail


class Unreachable(Exception):  # noqa: N818 - names the outcome
    """A source that was asked about a record did not answer, or cannot be asked."""


class Gone(Exception):  # noqa: N818 - names the outcome
    """A source says that there is no such record any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file a person edits, with its place. Lines and columns count from 1."""

    path: str
    line: int
    column: int
    text: str
    hint: str = ""
    level: str = "error"

    def __str__(self) -> str:
        hint = f" {self.hint}" if self.hint else ""
        kind = "" if self.level == "error" else f"{self.level}: "
        return f"{self.path}:{self.line}:{self.column}: {kind}{self.text}{hint}"


class ConfigError(Exception):
    """A file a person edits cannot be used; every problem in it is listed."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
