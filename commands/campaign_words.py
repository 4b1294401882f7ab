"""Campaigns in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dispatch.campaigns.previewing import Example, Preview
    from dispatch.campaigns.reporting import CampaignReport, Line, Progress, Shown


def preview(seen: Preview) -> Iterator[str]:
    """Say what a campaign would do."""
    yield f"{seen.people:,} people; {seen.opted_out:,} of them opted out and get nothing."
    yield f"Left out: {seen.doubles:,} repeated numbers, {seen.wrong:,} rows without a usable number."
    if seen.is_sample:
        yield f"Reckoned from {seen.planned:,} people spread over the list; --all plans every one."
    about = "about " if seen.is_sample else ""
    yield f"Texts: {about}{seen.texts:,}, {about}{seen.segments:,} segments, {_cost(seen.costs, seen.unpriced)}."
    for name, count in seen.variants.items():
        yield f"  variant {name}: {about}{count:,}"
    for code, count in seen.skipped.items():
        yield f"  without a text: {about}{count:,} {code}"
    for said in seen.wordings:
        place = ", ".join(filter(None, (said.variant, said.locale))) or "every language"
        yield f"[{place}] {said.encoding}, {said.segments} segments, {about}{said.people:,} people"
        yield f"  {said.text}"
    yield "For example:"
    yield from (f"  {_example(one)}" for one in seen.examples)
    yield f"The first text leaves at {_time(seen.starts_at)} at the earliest."
    if seen.ends_at is not None:
        yield f"The last text leaves at about {_time(seen.ends_at)}, if nothing holds it up."


def _example(one: Example) -> str:
    if one.leaves_at is None:
        return f"row {one.row} {one.number}: {one.code} {one.detail}".rstrip()
    return f"row {one.row} {one.number} at {_time(one.leaves_at)}: {one.text}"


def _cost(costs: Mapping[str, Decimal], unpriced: int) -> str:
    said = [f"{amount:,.2f} {currency}" for currency, amount in costs.items()]
    if unpriced:
        said.append(f"{unpriced:,} without a price")
    return " and ".join(said) or "at no cost"


def shown(found: Shown) -> Iterator[str]:
    """Say how far a campaign is, and who decided what."""
    seen = found.progress
    yield f"{seen.id}: {seen.state}{f', {seen.reason}' if seen.reason else ''} (version {seen.version})"
    yield f"Made by {found.made_by} at {_time(found.made_at)}, of the rule {found.rule} and the list {found.list_id}."
    said = ", ".join(f"{actor} at {_time(when)}" for actor, when in found.approvals)
    yield f"Approved by {said or 'nobody yet'}; {found.approvals_needed} needed."
    yield f"Last change: {found.changed} by {found.changed_by} at {_time(found.changed_at)}."
    yield f"{seen.people:,} people: {seen.planned:,} planned, {seen.skipped:,} get none, {seen.to_go:,} to go."
    yield f"Texts: {brief(seen)}."
    for code, count in seen.parked.items():
        until = f" until {_time(seen.parked_until)}" if seen.parked_until else ""
        yield f"  parked: {count:,} {code}{until}"
    for words, count in seen.held.items():
        yield f"  held: {count:,}, {words}"
    if seen.ends_at is not None:
        yield f"The last one leaves at about {_time(seen.ends_at)}, at {seen.rate:g} a second."


def brief(seen: Progress) -> str:
    """Say in a few words what became of the texts so far."""
    return f"{seen.waiting:,} wait, {seen.left:,} left, {seen.delivered:,} delivered, {seen.failed:,} failed"


def report(found: CampaignReport) -> Iterator[str]:
    """Say what came of a campaign."""
    seen = found.progress
    yield f"{seen.id}: {seen.state}{f', {seen.reason}' if seen.reason else ''}; {seen.people:,} people"
    yield from _line(found.total)
    for currency, amount in found.estimated.items():
        yield f"  by the price table: {amount:,.2f} {currency}"
    for line in found.variants:
        yield f"Variant {line.variant}:"
        yield from _line(line)


def _line(line: Line) -> Iterator[str]:
    yield f"  planned: {line.planned:,}"
    yield from (f"  without a text: {count:,} {code}" for code, count in line.skipped.items())
    yield f"  sent: {line.sent:,}, {line.segments:,} segments"
    rate, coverage = line.delivery_rate, line.coverage
    worth = (
        f" ({rate:.1%} of those with a receipt; receipts for {coverage:.0%})" if rate is not None and coverage else ""
    )
    yield f"  delivered: {line.delivered:,}{worth}"
    yield from (f"  failed: {count:,} {reason}" for reason, count in line.failed.items())
    yield f"  waiting: {line.waiting:,}, unknown: {line.unknown:,}, cancelled: {line.cancelled:,}"
    yield f"  replies: {line.replied:,}, opt-outs: {line.opted_out:,}"
    if line.linked:
        yield f"  links followed: {line.clicked:,} of {line.linked:,} ({line.clicked / line.linked:.1%})"
    yield from (f"  charged: {amount:,.2f} {currency}" for currency, amount in line.costs.items())


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
