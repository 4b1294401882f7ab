"""What goes into and comes out of /campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from web.api.shapes import Given, Taken, Word, count_in_query

Version = Annotated[int, Field(ge=0, le=10**9)] | None
SEEN = "The `version` of the campaign that you saw: where somebody changed it since, nothing is done."


class CampaignIn(Taken):
    """A campaign to be: the rule says the text and the rate, the list whom."""

    rule: Annotated[Word, Field(min_length=1)] = Field(description="A rule with a campaign.", examples=["spring-news"])
    list_id: Annotated[Word, Field(min_length=1)] = Field(description="A complete list.")


class Decided(Taken):
    """What you saw before you decided."""

    version: Version = Field(default=None, description=SEEN)


class RateIn(Decided):
    """How fast, and for how much money at most."""

    rate: Word = Field(default="", description="Texts per second, minute or hour, such as 20/s.")
    budget: Word = Field(default="", description="The most it may cost, such as 250 EUR.")

    @model_validator(mode="after")
    def _something(self) -> RateIn:
        """There has to be something to change."""
        if not (self.rate or self.budget):
            raise ValueError("give rate, or budget, or both")
        return self


class PreviewAsked(Taken):
    """How thoroughly to look."""

    sample: Annotated[int, Field(ge=1, le=10_000), BeforeValidator(count_in_query)] = Field(
        default=2_000, description="How many people are planned dry; the rest is reckoned from them."
    )


class ProgressOut(Given):
    """How far a campaign is. `version` names this state of it; `to_go` people were not looked at yet."""

    id: str
    state: str
    reason: str
    version: int
    people: int
    planned: int
    skipped: int
    parked: dict[str, int]
    held: dict[str, int]
    waiting: int
    left: int
    delivered: int
    failed: int
    cancelled: int
    to_go: int
    rate: float
    ends_at: datetime | None


class CampaignsOut(Given):
    """Every campaign, newest first."""

    data: list[ProgressOut]


class Approval(Given):
    """Somebody's yes."""

    by: str
    at: datetime


class CampaignOut(Given):
    """One campaign: whose it is, who approved it, what was done to it last, and how far it is."""

    progress: ProgressOut
    rule: str
    list_id: str
    made_by: str
    made_at: datetime
    approvals: list[Approval]
    approvals_needed: int
    changed: str
    changed_by: str
    changed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ExampleOut(Given):
    """One person of the list: the text they would get, or the reason why there is none."""

    row: int
    number: str
    code: str
    detail: str
    variant: str
    locale: str
    text: str
    segments: int
    leaves_at: datetime | None


class CampaignPreview(Given):
    """What a campaign would do; where `planned` is less than `people`, the rest is reckoned from a sample."""

    people: int
    doubles: int
    wrong: int
    opted_out: int
    planned: int
    texts: int
    segments: int
    skipped: dict[str, int]
    variants: dict[str, int]
    costs: dict[str, str]
    unpriced: int
    starts_at: datetime
    ends_at: datetime | None
    examples: list[ExampleOut]


class LineOut(Given):
    """What came of the texts of one variant, or of all. `delivery_rate` is of those with a final receipt."""

    variant: str
    planned: int
    skipped: dict[str, int]
    sent: int
    delivered: int
    coverage: float | None
    delivery_rate: float | None
    failed: dict[str, int]
    cancelled: int
    waiting: int
    unknown: int
    replied: int
    opted_out: int
    linked: int
    clicked: int
    segments: int
    costs: dict[str, str]


class CampaignReportOut(Given):
    """What came of a campaign, in all and per variant. `estimated` is by the price table."""

    progress: ProgressOut
    total: LineOut
    variants: list[LineOut]
    estimated: dict[str, str]


class Approved(Given):
    """Your yes is written down; `missing` more are needed before it may start."""

    id: str
    missing: int


class CampaignEnded(Given):
    """A campaign that is over; `ended` texts that waited do not leave."""

    id: str
    ended: int
