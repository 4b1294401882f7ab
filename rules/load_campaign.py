"""What a rules file says besides its rules' texts: campaigns, and what is particular about a source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time

from rules import fields, load_audience, places, spec
from rules.book import Campaign, CampaignCaps, Money, Naming, StopOn, WallTime
from rules.fields import Problems, Reader, read_all, read_map
from rules.node import Node

RATE = re.compile(r"([0-9]{1,6})/([smh])")
SECONDS = {"s": 1, "m": 60, "h": 3600}
WALL = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}) recipient")
MONEY = re.compile(r"([0-9]{1,9})(?:[.]([0-9]{1,6}))? ([A-Z]{3})")
SHARE = re.compile(r"([0-9]{1,3})%")
OF_EVENTS = (
    "when", "text_by", "key", "dedupe", "batch", "schedule", "sequence", "cancel_on", "supersede", "recheck",
    "test_events", "max_age", "tests",
)  # fmt: skip
"""What a rule says about events, and what makes no sense for a list of people."""


def campaign(node: Node, problems: Problems) -> Campaign | None:
    """Read whom a campaign is for, and when it runs."""
    values = read_all(read_map(node, spec.CAMPAIGN, problems, "campaign"), CAMPAIGN_READERS, problems)
    start, stop = values.get("start"), values.get("stop")
    if isinstance(start, datetime) and stop and stop <= start:
        problems.add((node.entries or {})["stop"], "The campaign stops before it starts.")
    return Campaign(**values) if values.get("audience") else None


def check_ways(node: Node, entries: Mapping[str, Node], problems: Problems, where: str) -> None:
    """See that a rule listens to events or is a campaign, and says nothing of the other kind."""
    if "event" not in entries and "campaign" not in entries:
        problems.add(node, f"{where} needs the field 'event' or the field 'campaign'.", "Which events it listens to.")
    if "campaign" not in entries:
        return
    if "event" in entries:
        spot = Node(node.path, *node.key_lines["campaign"])
        problems.add(spot, f"{where} has an event and a campaign; one of them is enough.")
    if "priority" in entries and entries["priority"].text in {"otp", "high"}:
        said = f"{where} is a campaign and must not go before what people wait for."
        problems.add(entries["priority"], said, "Write bulk, or normal.")
    _check_variants(node, entries, problems, where)
    for name in OF_EVENTS:
        if name in entries:
            hint = "Write it into audience." if name == "when" else ""
            spot = Node(node.path, *node.key_lines[name])
            problems.add(spot, f"{where} is a campaign and has no {name}.", hint)


def has_variants(entries: Mapping[str, Node]) -> bool:
    """Tell whether a rule is a campaign with several texts that share its list."""
    return "campaign" in entries and "variants" in (entries["campaign"].entries or {})


def _check_variants(node: Node, entries: Mapping[str, Node], problems: Problems, where: str) -> None:
    """See that every variant has its text, and every text its share."""
    if not has_variants(entries):
        return
    shares, texts = (entries["campaign"].entries or {})["variants"], entries.get("text")
    named, written = set(shares.entries or {}), set((texts.entries if texts else None) or {})
    if len(named) == 1:
        problems.add(shares, "One variant is none; name two, or leave variants out.")
    for name in sorted(named - written):
        problems.add(Node(shares.path, *shares.key_lines[name]), f"{where} has no text for the variant {name[:40]!r}.")
    for name in sorted(written - named) if named else ():
        spot = Node(node.path, *entries["text"].key_lines[name])
        problems.add(spot, f"The text {name[:40]!r} is no variant.", "With variants, text has one entry for each.")


def sources(node: Node, problems: Problems) -> dict[str, Naming]:
    """Read what is particular about each source."""
    if node.entries is None:
        problems.add(node, f"sources must be a map, not {node.kind}.", "Write shop: {tz: Europe/Berlin}.")
    return {
        name: replace(_source(child, problems, name), place=(node.path, *node.key_lines[name]))
        for name, child in (node.entries or {}).items()
    }


def _source(node: Node, problems: Problems, name: str) -> Naming:
    values = read_all(read_map(node, spec.SOURCE, problems, f"The source {name[:60]}"), SOURCE_READERS, problems)
    return Naming(zone=values.get("tz", ""), fields=values.get("fields", {}))


def _names(node: Node, problems: Problems) -> dict[str, str]:
    if node.entries is None:
        problems.add(node, f"fields must be a map, not {node.kind}.", "Write {customer.phone: raw.billing.phone}.")
    found = {}
    for name, child in (node.entries or {}).items():
        spot = Node(node.path, *node.key_lines[name], text=name, quoted=True)
        fields.path(spot, problems)
        if name.partition(".")[0] in {"raw", "event"}:
            problems.add(spot, f"{name[:60]!r} has its own meaning already.")
        found[name] = fields.path(child, problems)
    for name, child in (node.entries or {}).items():
        if found[name] in found:
            said = f"{name[:60]} would stand for {found[name][:60]}, which is a name itself."
            problems.add(child, said, "Write the field that the source sends.")
    return found


def _moment(node: Node, problems: Problems) -> datetime | None:
    before = len(problems.found)
    value = fields.moment(node, problems)
    return datetime.fromisoformat(value) if len(problems.found) == before else None


def _begin(node: Node, problems: Problems) -> datetime | WallTime | None:
    if node.text == "now":
        return None
    found = WALL.fullmatch(node.text or "")
    if found is None:
        return _moment(node, problems)
    try:
        return WallTime(day=date.fromisoformat(found[1]), clock=time.fromisoformat(found[2]))
    except ValueError:
        problems.add(node, f"{node.text!r} is no date and time.", "Write 2026-11-27 10:00 recipient.")
        return None


def rate_of(value: str) -> float | None:
    """Read 20/s, 600/m or 5000/h as texts per second; None where it is no rate."""
    found = RATE.fullmatch(value)
    return int(found[1]) / SECONDS[found[2]] if found and int(found[1]) else None


def _rate(node: Node, problems: Problems) -> float:
    value = fields.text(node, problems)
    found = rate_of(value)
    if found is None:
        problems.add(node, f"{value[:30]!r} is not a rate.", "Write 20/s, 600/m or 5000/h.")
    return found or 0.0


def money_of(value: str) -> Money | None:
    """Read 250 EUR or 0.5 USD; None where it is no amount."""
    found = MONEY.fullmatch(value)
    return (
        Money(micros=int(found[1]) * 1_000_000 + int((found[2] or "").ljust(6, "0")), currency=found[3])
        if found
        else None
    )


def _money(node: Node, problems: Problems) -> Money | None:
    value = fields.text(node, problems)
    found = money_of(value)
    if found is None or not found.micros:
        problems.add(node, f"{value[:30]!r} is not an amount of money.", "Write 250 EUR or 12.50 USD.")
    return found


def _share(node: Node, problems: Problems) -> float:
    value = fields.text(node, problems)
    found = SHARE.fullmatch(value)
    if found is None or not 0 < int(found[1]) <= 100:
        problems.add(node, f"{value[:30]!r} is not a share.", "Write 30%.")
        return 1.0
    return int(found[1]) / 100


def _shares(node: Node, problems: Problems) -> dict[str, int]:
    if not node.entries:
        problems.add(node, f"This must be a map from names to whole numbers, not {node.kind}.", "Write {a: 50, b: 50}.")
    return {name: fields.count(child, problems) for name, child in (node.entries or {}).items()}


def _variants(node: Node, problems: Problems) -> dict[str, int]:
    for name in node.entries or {}:
        fields.name(Node(node.path, *node.key_lines[name], text=name, quoted=True), problems)
    return _shares(node, problems)


def _countries(node: Node, problems: Problems) -> dict[str, int]:
    for name in node.entries or {}:
        if name != "*" and name not in places.COUNTRIES:
            spot = Node(node.path, *node.key_lines[name])
            problems.add(
                spot, f"{name[:40]!r} is not a country.", "Write its ISO 3166 code, DE or GB, or '*' for the others."
            )
    return _shares(node, problems)


def _caps(node: Node, problems: Problems) -> CampaignCaps:
    return CampaignCaps(**read_all(read_map(node, spec.CAMPAIGN_CAPS, problems, "caps"), CAPS_READERS, problems))


def _stop_on(node: Node, problems: Problems) -> StopOn:
    return StopOn(**read_all(read_map(node, spec.STOP_ON, problems, "stop_on"), STOP_ON_READERS, problems))


def _zone(node: Node, problems: Problems) -> str:
    value = places.zone_or_recipient(node, problems)
    if value == "recipient":
        problems.add(node, "'recipient' is not a time zone.", "Write it as Europe/Berlin.")
    return value


CAPS_READERS: dict[str, Reader] = {"day": fields.count, "country": _countries, "money": _money}
STOP_ON_READERS: dict[str, Reader] = {"failed": _share, "after": fields.count, "spent": _money}
CAMPAIGN_READERS: dict[str, Reader] = {
    "audience": load_audience.audience,
    "start": _begin,
    "stop": _moment,
    "rate": _rate,
    "approve": fields.count,
    "variants": _variants,
    "caps": _caps,
    "stop_on": _stop_on,
}
SOURCE_READERS: dict[str, Reader] = {"tz": _zone, "fields": _names}
