"""What a rules file says besides its rules' texts: campaigns, and what is particular about a source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from rules import fields, places, spec
from rules.book import Audience, Campaign, Naming
from rules.fields import Problems, Reader, read_all, read_map
from rules.node import Node

RATE = re.compile(r"([0-9]{1,6})/([smh])")
SECONDS = {"s": 1, "m": 60, "h": 3600}
OF_EVENTS = (
    "when", "text_by", "key", "dedupe", "batch", "schedule", "sequence", "cancel_on", "supersede", "recheck",
    "test_events", "max_age", "tests",
)  # fmt: skip
"""What a rule says about events, and what makes no sense for a list of people."""


def campaign(node: Node, problems: Problems) -> Campaign | None:
    """Read whom a campaign is for, and when it runs."""
    values = read_all(read_map(node, spec.CAMPAIGN, problems, "campaign"), CAMPAIGN_READERS, problems)
    start, stop = values.get("start"), values.get("stop")
    if start and stop and stop <= start:
        problems.add((node.entries or {})["stop"], "The campaign stops before it starts.")
    return Campaign(**values) if values.get("audience") and start else None


def check_ways(node: Node, entries: Mapping[str, Node], problems: Problems, where: str) -> None:
    """See that a rule listens to events or is a campaign, and says nothing of the other kind."""
    if "event" not in entries and "campaign" not in entries:
        problems.add(node, f"{where} needs the field 'event' or the field 'campaign'.", "Which events it listens to.")
    if "campaign" not in entries:
        return
    if "event" in entries:
        spot = Node(node.path, *node.key_lines["campaign"])
        problems.add(spot, f"{where} has an event and a campaign; one of them is enough.")
    for name in OF_EVENTS:
        if name in entries:
            hint = "Write it into audience." if name == "when" else ""
            spot = Node(node.path, *node.key_lines[name])
            problems.add(spot, f"{where} is a campaign and has no {name}.", hint)


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


def _audience(node: Node, problems: Problems) -> Audience | None:
    values = read_all(read_map(node, spec.AUDIENCE, problems, "audience"), AUDIENCE_READERS, problems)
    return Audience(**{{"from": "file"}.get(name, name): value for name, value in values.items()}) if values else None


def _file(node: Node, problems: Problems) -> str:
    value = fields.text(node, problems)
    parts = value.replace("\\", "/").split("/")
    if value and (not value.endswith(".csv") or not all(parts) or ".." in parts or "\0" in value):
        problems.add(node, f"{value[:60]!r} is not a list below this folder.", "Write lists/newsletter.csv.")
    return value


def _moment(node: Node, problems: Problems) -> datetime | None:
    before = len(problems.found)
    value = fields.moment(node, problems)
    return datetime.fromisoformat(value) if len(problems.found) == before else None


def _rate(node: Node, problems: Problems) -> float:
    value = fields.text(node, problems)
    found = RATE.fullmatch(value)
    if found is None or int(found[1]) == 0:
        problems.add(node, f"{value[:30]!r} is not a rate.", "Write 20/s, 600/m or 5000/h.")
        return 0.0
    return int(found[1]) / SECONDS[found[2]]


def _zone(node: Node, problems: Problems) -> str:
    value = places.zone_or_recipient(node, problems)
    if value == "recipient":
        problems.add(node, "'recipient' is not a time zone.", "Write it as Europe/Berlin.")
    return value


AUDIENCE_READERS: dict[str, Reader] = {"from": _file, "when": fields.conditions}
CAMPAIGN_READERS: dict[str, Reader] = {
    "audience": _audience,
    "start": _moment,
    "stop": _moment,
    "rate": _rate,
    "approve": fields.count,
}
SOURCE_READERS: dict[str, Reader] = {"tz": _zone, "fields": _names}
