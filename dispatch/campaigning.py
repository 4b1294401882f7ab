"""Campaigns as everybody uses them, command line, console and API: a list is read, people approve, texts leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from dispatch.audience import ColumnMap
from dispatch.campaigns import deciding, previewing, reporting, running, trying
from dispatch.campaigns.ground import CannotRun, Changed, Ground
from dispatch.campaigns.previewing import Preview
from dispatch.campaigns.reporting import CampaignReport, Progress, Shown
from dispatch.importing import Importing, Order, SameFile
from model.message import Decision

__all__ = ["CampaignReport", "Campaigns", "CannotRun", "Changed", "Preview", "Progress", "Shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns(Ground):
    """Everything that can be done with campaigns. `expected` is the version of a campaign that its changer saw."""

    def read_list(
        self, file: BinaryIO, name: str, rule: str, actor: str, now: datetime, *,
        again: bool = False, progress: Callable[[int], object] = abs,
    ) -> str:  # fmt: skip
        """Read a file into a list for the campaign of a rule; return its id. Raises CannotRun, BadList.

        The same bytes twice need `again`. dispatch/importing.py reads lists in other ways.
        """
        wanted = self.rule(rule)
        columns = ColumnMap(to=wanted.to, region=wanted.region)
        order = Order(name=name, actor=actor, now=now, columns=columns, again=again)
        try:
            return Importing(store=self.store, new_id=self.new_id, progress=progress).read_file(file, order)
        except SameFile as error:
            raise CannotRun(str(error)) from None

    def prepare(self, rule: str, list_id: str, actor: str, now: datetime) -> str:
        """Make a campaign of a rule and a list; return its id. Raises CannotRun."""
        return deciding.prepare(self, rule, list_id, actor, now)

    def preview(
        self, campaign_id: str, now: datetime, *,
        sample: int = previewing.SAMPLE, progress: Callable[[int], object] = abs,
    ) -> Preview:  # fmt: skip
        """Plan a campaign dry, `sample` of its people or (0) all of them. Raises CannotRun."""
        return previewing.preview(self, campaign_id, now, sample=sample, progress=progress)

    def try_out(
        self, campaign_id: str, to: str, actor: str, now: datetime, *, row: int = 0, variant: str = ""
    ) -> Decision:
        """Send one text of a campaign to a colleague. Raises CannotRun."""
        return trying.try_out(self, campaign_id, to, actor, now, row=row, variant=variant)

    def approve(self, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> int:
        """Approve a campaign; return how many people still have to. Raises CannotRun, Changed."""
        return deciding.approve(self, campaign_id, actor, now, expected)

    def start(self, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> None:
        """Let an approved campaign run, or one that was paused or has stopped go on. Raises CannotRun, Changed."""
        deciding.start(self, campaign_id, actor, now, expected)

    def pause(self, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> None:
        """Let nothing of a campaign leave until it is started again. Raises CannotRun, Changed."""
        deciding.pause(self, campaign_id, actor, now, expected)

    def cancel(self, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> int:
        """End a campaign for good; return how many waiting texts ended with it. Raises CannotRun, Changed."""
        return deciding.cancel(self, campaign_id, actor, now, expected)

    def change(
        self, campaign_id: str, actor: str, now: datetime, *,
        rate: str = "", budget: str = "", expected: int | None = None,
    ) -> None:  # fmt: skip
        """Set the rate (20/s) or the budget (250 EUR), also while it runs. Raises CannotRun, Changed."""
        deciding.change(self, campaign_id, actor, now, rate=rate, budget=budget, expected=expected)

    def release(self, campaign_id: str, actor: str, now: datetime, expected: int | None = None) -> int:
        """Lift a campaign's caps for today; return how many people had to wait. Raises CannotRun, Changed."""
        return deciding.release(self, campaign_id, actor, now, expected)

    def listing(self) -> list[Progress]:
        """Return how far every campaign is, newest first."""
        return reporting.listing(self)

    def show(self, campaign_id: str, now: datetime) -> Shown:
        """Return everything about a campaign but its texts' fate. Raises CannotRun."""
        return reporting.show(self, campaign_id, now)

    def progress(self, campaign_id: str, now: datetime) -> Progress:
        """Return how far a campaign is. Raises CannotRun."""
        return reporting.progress(self, campaign_id, now)

    def report(self, campaign_id: str, now: datetime) -> CampaignReport:
        """Return what came of a campaign, in all and per variant. Raises CannotRun."""
        return reporting.report(self, campaign_id, now)

    def step(self, now: datetime) -> int:
        """Plan a little ahead for every campaign that runs; return how many people were looked at."""
        return running.step(self, now)
