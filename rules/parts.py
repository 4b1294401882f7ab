"""The groups of fields inside a rule, from nodes to values: texts, steps, schedules, quiet hours and so on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from model.message import Lane
from rules import fields, load_campaign, load_links, places, spec
from rules.book import Batch, Quiet, Schedule, Step, Throttle
from rules.fields import Problems, Reader, read_all, read_map
from rules.reader import Node
from rules.render import MAX_SOURCE, Text, locale_of

LANES = {lane.code: lane for lane in Lane}
RENAMED = {"quiet_hours": "quiet", "priority": "lane", "tz": "zone"}
"""Where a word of the file differs from the word in the code."""


def steps(node: Node, entries: Mapping[str, Node], base: Path, problems: Problems, where: str) -> tuple[Step, ...]:
    """Read what a rule says, and when: one step, or the steps of its sequence."""
    if "sequence" in entries:
        return _sequence(entries, base, problems, where)
    if "text" in entries and "template" in entries:
        problems.add(entries["template"], f"{where} has a text and a template; one of them is enough.")
    texts: dict[str, dict[str, Text]] = {}
    if "template" in entries:
        texts[""] = _from_files(entries["template"], base, problems)
    elif "text" not in entries:
        problems.add(node, f"{where} needs a text, a template or a sequence.")
    elif "text_by" in entries or load_campaign.has_variants(entries):
        texts = _texts_by(entries["text"], base, problems)
    else:
        texts[""] = _texts(entries["text"], base, problems)
    when = _schedule(entries["schedule"], problems, strict=True) if "schedule" in entries else None
    return (Step(line=node.line, texts=texts, schedule=when),)


def _sequence(entries: Mapping[str, Node], base: Path, problems: Problems, where: str) -> tuple[Step, ...]:
    sequence = entries["sequence"]
    if any(other in entries for other in ("text", "template", "schedule", "text_by")):
        problems.add(sequence, f"{where} has a sequence; text and schedule belong into its steps.")
    if not sequence.items:
        problems.add(sequence, f"sequence must be a list of steps, not {sequence.kind if sequence.text else 'empty'}.")
        return ()
    found = tuple(_step(child, base, problems, where) for child in sequence.items)
    first: dict[str, int] = {}
    for step, child in zip(found, sequence.items, strict=True):
        if step.id in first:
            problems.add(child, f"The step {step.id} stands twice; the first is in line {first[step.id]}.")
        first.setdefault(step.id, step.line)
    return found


def _step(node: Node, base: Path, problems: Problems, where: str) -> Step:
    entries = read_map(node, spec.STEP, problems, f"A step of {where}")
    return Step(
        id=fields.name(entries["id"], problems) if "id" in entries else "",
        line=node.line,
        texts={"": _texts(entries["text"], base, problems)} if "text" in entries else {},
        schedule=_schedule(entries["schedule"], problems, strict=False) if "schedule" in entries else None,
    )


def _texts_by(node: Node, base: Path, problems: Problems) -> dict[str, dict[str, Text]]:
    if not node.entries:
        problems.add(node, f"With text_by, text must be a map from values to texts, not {node.kind}.")
    return {value: _texts(child, base, problems) for value, child in (node.entries or {}).items()}


def _texts(node: Node, base: Path, problems: Problems) -> dict[str, Text]:
    """Read a text: plain, one per locale, or the name of files."""
    if node.entries is not None and set(node.entries) == {"template"}:
        return _from_files(node.entries["template"], base, problems)
    if node.entries == {}:
        problems.add(node, "There is no text here.")
    found = {}
    for locale, child in node.entries.items() if node.entries is not None else [("", node)]:
        if locale and not locale_of(locale, ""):
            line, column = node.key_lines[locale]
            hint = "Write en, de or de-AT; where the keys are values of a field, name it with text_by."
            problems.add(Node(node.path, line, column), f"{locale[:40]!r} is not a language.", hint)
        compiled = fields.template(child, problems)
        if compiled is not None:
            found[locale.replace("_", "-")] = compiled
    return found


def _from_files(node: Node, base: Path, problems: Problems) -> dict[str, Text]:
    """Read rules/templates/NAME.<locale>.txt (or NAME.txt for every locale)."""
    name = fields.name(node, problems)
    if not name:
        return {}
    found = {}
    for path in sorted((base / "templates").glob(f"{name}*.txt")):
        locale = path.name.removeprefix(name).removesuffix(".txt")
        if locale and not locale.startswith("."):
            continue
        content = _content(path, problems)
        compiled = fields.template(content, problems) if content else None
        if compiled is not None:
            found[locale.lstrip(".")] = compiled
    if not found:
        problems.add(node, f"There is no text templates/{name}.<locale>.txt.")
    return found


def _content(path: Path, problems: Problems) -> Node | None:
    node = Node(f"templates/{path.name}", 1, 1, text="", quoted=True)
    try:
        with path.open("rb") as file:
            node.text = file.read(4 * MAX_SOURCE + 1).decode("utf-8-sig").rstrip("\n")
    except (OSError, UnicodeDecodeError):
        problems.add(node, "The text cannot be read; it must be a UTF-8 file.")
        return None
    return node


def _schedule(node: Node, problems: Problems, *, strict: bool) -> Schedule | None:
    if node.is_null:
        return None
    entries = read_map(node, spec.SCHEDULE, problems, "schedule")
    if strict and ("if_past" not in entries or entries["if_past"].is_null):
        problems.add(
            node,
            "schedule does not say what happens when its time has already passed.",
            "Add if_past: send_now, skip or nearest.",
        )
    values = read_all(entries, SCHEDULE_READERS, problems)
    if "offset" in values:
        values["offset_days"] = fields.whole_days(entries["offset"])
    if values.get("if_past") == "nearest" and "not_after" not in values:
        problems.add(entries["if_past"], "if_past: nearest needs not_after, the latest moment allowed.")
    return Schedule(**values) if "at" in values else None


def _quiet(node: Node, problems: Problems) -> Quiet | None:
    if node.text == "ignore":
        return None
    values = read_all(read_map(node, spec.QUIET, problems, "quiet_hours"), QUIET_READERS, problems)
    for old, new in (("from", "start"), ("to", "end"), ("tz", "zone")):
        if old in values:
            values[new] = values.pop(old)
    return Quiet(**values) if {"start", "end"} <= values.keys() else None


def batch(node: Node, problems: Problems) -> Batch | None:
    """Read how several events become one text."""
    readers: dict[str, Reader] = {"key": fields.template, "wait": fields.lifetime, "max": fields.count}
    values = read_all(read_map(node, spec.BATCH, problems, "batch"), readers, problems)
    return Batch(**values) if {"key", "wait"} <= values.keys() else None


def _throttle(node: Node, problems: Problems) -> Throttle | None:
    values = read_all(read_map(node, spec.THROTTLE, problems, "throttle"), THROTTLE_READERS, problems)
    return Throttle(**values) if {"max", "per"} <= values.keys() else None


def dedupe(node: Node, problems: Problems) -> dict[str, Any]:
    """Read which events are the same fact, and for how long."""
    values = read_all(read_map(node, spec.DEDUPE, problems, "dedupe"), DEDUPE_READERS, problems)
    return {f"dedupe_{name}": value for name, value in values.items()}


def recheck(node: Node, problems: Problems) -> dict[str, Any]:
    """Read what is asked of the source just before sending; the conditions stay texts, they travel with the message."""
    entries = read_map(node, spec.RECHECK, problems, "recheck")
    values = read_all(entries, {"still": fields.conditions, "if_unreachable": _if_unreachable}, problems)
    still = [when.condition.source for when in values.get("still", ())]
    return {"still": still, "if_unreachable": values.get("if_unreachable", "hold")}


def _gateways(node: Node, problems: Problems) -> tuple[tuple[str, ...], timedelta | None]:
    if node.entries is None:
        return fields.texts(node, problems), None
    entries = read_map(node, spec.GATEWAYS, problems, "gateway")
    values = read_all(entries, {"try": fields.texts, "next_after": fields.lifetime}, problems)
    return values.get("try", ()), values.get("next_after")


def _lane(node: Node, problems: Problems) -> Lane:
    return LANES[fields.choice(node, problems, tuple(LANES))]


def _choices(table: tuple[spec.Field, ...], name: str) -> Reader:
    """Read one of the words that the spec lists for a field."""
    return partial(fields.choice, choices=next(field.choices for field in table if field.name == name))


_if_unreachable = _choices(spec.RECHECK, "if_unreachable")
SCHEDULE_READERS: dict[str, Reader] = {
    "at": fields.path,
    "offset": fields.duration,
    "time": fields.clock,
    "if_past": _choices(spec.SCHEDULE, "if_past"),
    "not_after": fields.duration,
}
QUIET_READERS: dict[str, Reader] = {
    "from": fields.clock,
    "to": fields.clock,
    "tz": places.zone_or_recipient,
    "then": _choices(spec.QUIET, "then"),
}
THROTTLE_READERS: dict[str, Reader] = {
    "max": fields.count,
    "per": fields.lifetime,
    "key": _choices(spec.THROTTLE, "key"),
    "then": _choices(spec.THROTTLE, "then"),
}
DEDUPE_READERS: dict[str, Reader] = {"key": fields.template, "for": fields.lifetime}
SETTING_READERS: dict[str, Reader] = {
    "region": places.region,
    "locale": places.locale,
    "tz": places.zone,
    "gateway": _gateways,
    "sender": fields.text,
    "priority": _lane,
    "ttl": fields.lifetime,
    "max_age": fields.lifetime,
    "quiet_hours": _quiet,
    "throttle": _throttle,
    "legal_hours": _choices(spec.DEFAULTS, "legal_hours"),
    "max_segments": fields.count,
    "smart": _choices(spec.DEFAULTS, "smart"),
    "links": load_links.links,
    "on_unknown": _choices(spec.DEFAULTS, "on_unknown"),
}
RULE_READERS: dict[str, Reader] = {
    "id": fields.name,
    "event": fields.events,
    "when": fields.conditions,
    "to": fields.paths,
    "text_by": fields.path,
    "key": fields.template,
    "cancel_on": fields.events,
    "supersede": fields.template,
    "consent": fields.text,
    "redact": fields.paths,
    "test_events": fields.truth,
    "enabled": fields.truth,
    "shadow": fields.truth,
}
