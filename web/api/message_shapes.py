"""What goes into and comes out of /messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from web.api.shapes import Entry, Given, Length, Moment, Paged, Taken, Word
from web.api.telling import MessageOut, ReplyOut

OWN_WORDS = ("lane", "ttl", "category", "sender", "hide")
LaneName = Literal["otp", "high", "normal", "bulk"]
StateName = Literal[
    "queued", "submitting", "unknown", "accepted", "sending", "sent", "unconfirmed", "undelivered", "expired",
    "rejected", "failed", "cancelled", "delivered",
]  # fmt: skip


class MessageIn(Taken):
    """One text to one person: `text`, or the name of a `rule` and the `data` that its text and conditions read."""

    to: Annotated[Word, Field(min_length=1)] = Field(
        description="The phone number, with +, or as written in `region`.", examples=["+447700900123"]
    )
    region: str = Field(default="", pattern="^([A-Z]{2})?$", description="The country of a number without +.")
    text: str | None = Field(default=None, min_length=1, max_length=2_000, description="What it says.")
    rule: Word | None = Field(default=None, description="The rule whose text it gets; all its checks apply.")
    data: dict[str, Any] | None = Field(default=None, description="With `rule`: the fields it reads.")
    key: Word = Field(default="", description="Names the record it is about.")
    lane: LaneName | None = Field(
        default=None, description="With `text`: how urgent it is; normal. Of otp, codes are not kept."
    )
    ttl: Length | None = Field(
        default=None, description="With `text`: not handed over later than this; 24h, of otp 10m."
    )
    category: Word | None = Field(
        default=None, description="With `text`: what kind it is; wants an opt-in to it, and the hours the law leaves."
    )
    sender: Word | None = Field(default=None, description="With `text`: the sender, where the gateway allows one.")
    hide: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=10)] | None = Field(
        default=None, description="With `text`: parts of it that the record must not show."
    )

    @model_validator(mode="after")
    def _one_way(self) -> MessageIn:
        """A rule decides what a text by rule is like; nobody else does."""
        if (self.text is None) == (self.rule is None):
            raise ValueError("give either text or rule")
        odd = [name for name in OWN_WORDS if getattr(self, name) is not None] if self.rule is not None else []
        if odd:
            raise ValueError(f"{odd[0]} is for the rule to decide")
        if self.text is not None and self.data is not None:
            raise ValueError("data is for the text of a rule")
        return self


class Queued(Given):
    """A text that waits for its time. `more` are the ids of further texts that the rule makes of it."""

    id: str
    event_id: str
    state: str
    segments: int
    encoding: str
    due_at: datetime
    expires_at: datetime
    more: list[str]


class MessagesAsked(Paged):
    """Which texts."""

    number: Word = Field(default="", description="Only texts to this phone.")
    state: StateName | None = Field(default=None, description="Only texts in this state.")
    rule: Word = Field(default="", description="Only texts of this rule.")
    since: Moment | None = Field(default=None, description="Made at this time or later.")
    until: Moment | None = Field(default=None, description="Made at this time or earlier.")


class MessageRow(Given):
    """One text of a list."""

    id: str
    event_id: str
    source: str
    type: str
    rule: str
    step: str
    key: str
    number: str
    state: str
    reason: str
    created_at: datetime
    due_at: datetime
    gateway: str
    segments: int
    replied_at: datetime | None


class MessagePage(Given):
    """Some texts, newest first."""

    data: list[MessageRow]
    next: str | None


class MessageLife(MessageOut):
    """One text, its journal and its replies."""

    journal: list[Entry]
    replies: list[ReplyOut]


class Ended(Given):
    """A text that will not leave."""

    id: str
    state: str
