"""What goes into and comes out of /rules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from web.api.shapes import EVENT_SOURCE, EventType, Gate, Given, Moment, Taken, Word

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*){0,3}\.ya?ml$")]
Content = str


class Files(Taken):
    """Another version of the rules: files by name, in place of those in force of the same name."""

    files: Annotated[dict[FileName, Content], Field(min_length=1, max_length=100)]


class Publication(Files):
    """What to put in force, and why. `base` is the hash of the version it was made from."""

    note: Annotated[Word, Field(min_length=1)] = Field(description="Why; kept in the history.")
    base: Word = Field(default="", description="Publish only while this is the version in force.")
    pending: Literal["", "keep", "re-render", "cancel"] = Field(
        default="", description="What becomes of texts that wait and whose rule changes."
    )


class Question(Taken):
    """Which event to explain: one of the record by its `event_id`, or one that is described here."""

    event_id: Word | None = Field(default=None, description="An event of the record.")
    type: EventType | None = Field(default=None, description="The type of an event that is described here.")
    source: Word = Field(default=EVENT_SOURCE, description="Where it comes from.")
    key: Word = Field(default="", description="The record it is about.")
    occurred_at: Moment | None = Field(default=None, description="When it happened; without it, now.")
    data: dict[str, Any] = Field(default_factory=dict, description="What rules may read.")
    files: Annotated[dict[FileName, Content], Field(max_length=100)] | None = Field(
        default=None, description="Explain with these files in place of those in force."
    )

    @model_validator(mode="after")
    def _one_event(self) -> Question:
        if (self.event_id is None) == (self.type is None):
            raise ValueError("give either event_id or type")
        return self


class RuleOut(Given):
    """One rule and where it stands."""

    id: str
    file: str
    line: int
    events: list[str]
    enabled: bool
    shadow: bool
    lane: str
    category: str


class RulesOut(Given):
    """The version in force, with every file; `main` is the first to be read."""

    version: int
    hash: str
    at: datetime
    by: str
    note: str
    main: str
    files: dict[str, str]
    rules: list[RuleOut]


class ProblemAt(Given):
    """Something wrong in a file, or (level warning) what would work and still go wrong. Lines count from 1."""

    path: str
    line: int
    column: int
    text: str
    hint: str
    level: str


class TestFailed(Given):
    """A test of the file that does not hold."""

    rule: str
    test: str
    line: int
    wrong: list[str]


class Checked(Given):
    """Whether the files could be published; what is wrong, and the tests that do not hold."""

    ok: bool
    problems: list[ProblemAt]
    tests: int
    failed: list[TestFailed]


class TextOut(Given):
    """The text that would be sent."""

    text: str
    number: str
    field: str
    locale: str
    segments: int
    encoding: str
    leaves: datetime
    expires: datetime


class DecisionOut(Given):
    """What one rule decides: `result` is send or a reason code."""

    rule: str
    step: str
    file: str
    line: int
    result: str
    detail: str
    gates: list[Gate]
    message: TextOut | None


class EndOut(Given):
    """A record whose waiting texts the event ends."""

    rule: str
    key: str


class Explained(Given):
    """What the rules make of an event. Nothing was sent."""

    source: str
    type: str
    key: str
    as_of: datetime
    decisions: list[DecisionOut]
    ends: list[EndOut]


class PublishedOut(Given):
    """The version that is in force now, and what became of texts that waited."""

    version: int
    hash: str
    waiting: int
    rewritten: int
    cancelled: int
