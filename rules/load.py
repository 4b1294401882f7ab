"""YAML -> Book, or every problem in the file at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from model.message import Lane
from model.reasons import ConfigError, Problem
from rules import fields, spec
from rules.book import Book, Quiet, Rule, Schedule, Step, Throttle
from rules.fields import Problems, read_all, read_map
from rules.load_tests import read_tests
from rules.reader import Node, read
from rules.render import Text

LANES = {lane.code: lane for lane in Lane}
MAX_RULES = 20_000


def load(path: Path, content: bytes | None = None, name: str = "") -> Book:
    """Load a rules file and what it includes. Raises ConfigError with every problem found."""
    problems = Problems()
    rules: list[Rule] = []
    digest = hashlib.sha256()
    _load_file(path, name or path.name, content, problems, rules, digest, {})
    _check_ids(rules, problems)
    errors = [found for found in problems.found if found.level == "error"]
    if errors:
        raise ConfigError(sorted(errors, key=lambda found: (found.path, found.line, found.column)))
    return Book.of(rules, digest.hexdigest()[:16], str(path))


def _load_file(  # noqa: PLR0913 - one recursion over includes, all of it internal
    path: Path,
    name: str,
    content: bytes | None,
    problems: Problems,
    rules: list[Rule],
    digest: Any,
    seen: dict[Path, int],
    defaults: Mapping[str, Any] | None = None,
) -> None:
    seen[path.resolve()] = 1
    raw = content if content is not None else _bytes(path, name)
    digest.update(len(raw).to_bytes(8, "big") + raw)
    root = read(path, name, raw)
    entries = read_map(root, spec.FILE, problems, "The file")
    if "version" in entries and entries["version"].text != "1":
        problems.add(entries["version"], f"version must be 1, not {entries['version'].kind}.")
    base = Path(path).parent
    inherited = dict(defaults or {})
    if "defaults" in entries:
        inherited |= _settings(read_map(entries["defaults"], spec.DEFAULTS, problems, "defaults"), problems)
    for node in (entries["rules"].items or []) if "rules" in entries else []:
        rule = _rule(node, inherited, base, problems)
        if rule is not None:
            rules.append(rule)
    if "rules" in entries and entries["rules"].items is None and not entries["rules"].is_null:
        problems.add(entries["rules"], f"rules must be a list, not {entries['rules'].kind}.")
    for include in fields.texts(entries["include"], problems) if "include" in entries else ():
        for other in sorted(base.glob(include)) or [base / include]:
            if other.resolve() not in seen:
                shown = str(other.relative_to(base)) if other.is_relative_to(base) else other.name
                _load_file(other, shown, None, problems, rules, digest, seen, inherited)
    if len(rules) > MAX_RULES:
        problems.add(root, f"More than {MAX_RULES:,} rules.")


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"The file cannot be read: {error.strerror}."
        raise ConfigError([Problem(path=name, line=1, column=1, text=text)]) from None


def _rule(node: Node, defaults: Mapping[str, Any], base: Path, problems: Problems) -> Rule | None:
    before = len(problems.found)
    where = f"Rule {node.entries['id'].text}" if node.entries and "id" in node.entries else "A rule"
    entries = read_map(node, spec.RULE, problems, where)
    values = {**defaults, **_settings(entries, problems)}
    values |= read_all(entries, RULE_READERS, problems)
    values["steps"] = _steps(node, entries, base, problems, where)
    if "dedupe" in entries:
        values |= _dedupe(entries["dedupe"], problems)
    if "tests" in entries:
        values["tests"] = read_tests(entries["tests"], problems)
    if "recheck" in entries:
        values["recheck"] = _recheck(entries["recheck"], problems)
    if len(problems.found) > before:
        return None
    values["events"] = values.pop("event")
    values["default_locale"] = defaults.get("locale", "en")
    values["default_zone"] = defaults.get("zone", "UTC")
    values["lines"] = {name: spot[0] for name, spot in node.key_lines.items()}
    rule = Rule(file=node.path, line=node.line, hash="", **values)
    return replace(rule, hash=_hash(node))


def _hash(node: Node) -> str:
    """Identify what a rule says: everything but its tests and its place in the file."""
    content = {name: child.plain() for name, child in (node.entries or {}).items() if name != "tests"}
    return hashlib.sha256(repr(sorted(content.items())).encode("utf-8", "replace")).hexdigest()[:12]


def _settings(entries: Mapping[str, Node], problems: Problems) -> dict[str, Any]:
    """Read the fields that stand both in `defaults` and in a rule."""
    values = read_all(entries, SETTING_READERS, problems)
    if "gateway" in values:
        values["gateways"], values["next_after"] = values.pop("gateway")
    if "quiet_hours" in values:
        values["quiet"] = values.pop("quiet_hours")
    for old, new in (("priority", "lane"), ("tz", "zone")):
        if old in values:
            values[new] = values.pop(old)
    return values


def _steps(node: Node, entries: Mapping[str, Node], base: Path, problems: Problems, where: str) -> tuple[Step, ...]:
    if "sequence" in entries:
        if any(other in entries for other in ("text", "template", "schedule", "text_by")):
            problems.add(entries["sequence"], f"{where} has a sequence; text and schedule belong into its steps.")
        return tuple(_step(child, base, problems, where) for child in entries["sequence"].items or [])
    texts: dict[str, dict[str, Text]] = {}
    if "template" in entries:
        texts[""] = _from_files(entries["template"], base, problems)
    elif "text" not in entries:
        problems.add(node, f"{where} needs a text, a template or a sequence.")
    elif "text_by" in entries:
        texts = {value: _texts(child, base, problems) for value, child in (entries["text"].entries or {}).items()}
    else:
        texts[""] = _texts(entries["text"], base, problems)
    schedule = _schedule(entries["schedule"], problems, strict=True) if "schedule" in entries else None
    return (Step(line=node.line, texts=texts, schedule=schedule),)


def _step(node: Node, base: Path, problems: Problems, where: str) -> Step:
    entries = read_map(node, spec.STEP, problems, f"A step of {where}")
    return Step(
        id=fields.name(entries["id"], problems) if "id" in entries else "",
        line=node.line,
        texts={"": _texts(entries["text"], base, problems)} if "text" in entries else {},
        schedule=_schedule(entries["schedule"], problems, strict=False) if "schedule" in entries else None,
    )


def _texts(node: Node, base: Path, problems: Problems) -> dict[str, Text]:
    """Read a text: plain, one per locale, or the name of files."""
    if node.entries is not None and set(node.entries) == {"template"}:
        return _from_files(node.entries["template"], base, problems)
    by_locale = node.entries if node.entries is not None else {"": node}
    found = {}
    for locale, child in by_locale.items():
        compiled = fields.template(child, problems)
        if compiled is not None:
            found[locale.replace("_", "-")] = compiled
    return found


def _from_files(node: Node, base: Path, problems: Problems) -> dict[str, Text]:
    """Read rules/templates/NAME.<locale>.txt (or NAME.txt for every locale)."""
    name = fields.name(node, problems)
    found = {}
    for path in sorted((base / "templates").glob(f"{name}*.txt")) if name else []:
        locale = path.name.removeprefix(name).removesuffix(".txt").lstrip(".")
        if path.name != f"{name}.txt" and not path.name.startswith(f"{name}."):
            continue
        content = Node(f"templates/{path.name}", 1, 1, text=path.read_text("utf-8").rstrip("\n"), quoted=True)
        compiled = fields.template(content, problems)
        if compiled is not None:
            found[locale] = compiled
    if not found:
        problems.add(node, f"There is no text templates/{name}.<locale>.txt.")
    return found


def _schedule(node: Node, problems: Problems, *, strict: bool) -> Schedule | None:
    entries = read_map(node, spec.SCHEDULE, problems, "schedule")
    if strict and "if_past" not in entries:
        problems.add(
            node,
            "schedule does not say what happens when its time has already passed.",
            "Add if_past: send_now, skip or nearest.",
        )
    readers: dict[str, fields.Reader] = {
        "at": fields.text,
        "offset": fields.duration,
        "time": fields.clock,
        "if_past": partial(fields.choice, choices=("send_now", "skip", "nearest")),
        "not_after": fields.duration,
    }
    values = read_all(entries, readers, problems)
    if "offset" in entries:
        values["offset_days"] = fields.whole_days(entries["offset"])
    return Schedule(**values) if "at" in values else None


def _quiet(node: Node, problems: Problems) -> Quiet | None:
    if node.text == "ignore":
        return None
    entries = read_map(node, spec.QUIET, problems, "quiet_hours")
    readers: dict[str, fields.Reader] = {
        "from": fields.clock,
        "to": fields.clock,
        "tz": fields.text,
        "then": partial(fields.choice, choices=("defer", "earlier", "drop")),
    }
    values = read_all(entries, readers, problems)
    for old, new in (("from", "start"), ("to", "end"), ("tz", "zone")):
        if old in values:
            values[new] = values.pop(old)
    return Quiet(**values) if {"start", "end"} <= values.keys() else None


def _throttle(node: Node, problems: Problems) -> Throttle | None:
    entries = read_map(node, spec.THROTTLE, problems, "throttle")
    readers: dict[str, fields.Reader] = {
        "max": fields.number,
        "per": fields.duration,
        "key": partial(fields.choice, choices=("recipient", "rule", "record")),
        "then": partial(fields.choice, choices=("drop",)),
    }
    values = read_all(entries, readers, problems)
    return Throttle(**values) if {"max", "per"} <= values.keys() else None


def _dedupe(node: Node, problems: Problems) -> dict[str, Any]:
    entries = read_map(node, spec.DEDUPE, problems, "dedupe")
    readers: dict[str, fields.Reader] = {"key": fields.template, "for": fields.duration}
    values = read_all(entries, readers, problems)
    named = {"key": "dedupe_key", "for": "dedupe_for"}
    return {named[name]: value for name, value in values.items()}


def _recheck(node: Node, problems: Problems) -> dict[str, Any]:
    entries = read_map(node, spec.RECHECK, problems, "recheck")
    if "still" in entries:
        fields.conditions(entries["still"], problems)
    still = [child.text for child in entries["still"].items or [entries["still"]]] if "still" in entries else []
    unreachable = entries["if_unreachable"].text if "if_unreachable" in entries else "hold"
    return {"still": still, "if_unreachable": unreachable}


def _gateways(node: Node, problems: Problems) -> tuple[tuple[str, ...], Any]:
    if node.entries is None:
        return fields.texts(node, problems), None
    entries = read_map(node, spec.GATEWAYS, problems, "gateway")
    order = fields.texts(entries["try"], problems) if "try" in entries else ()
    return order, fields.duration(entries["next_after"], problems) if "next_after" in entries else None


def _lane(node: Node, problems: Problems) -> Lane:
    return LANES[fields.choice(node, problems, tuple(LANES))]


def _check_ids(rules: list[Rule], problems: Problems) -> None:
    first: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in first:
            spot = Node(rule.file, rule.line, 1, text="")
            problems.add(
                spot, f"The rule {rule.id} stands twice; the first is at {first[rule.id].file}:{first[rule.id].line}."
            )
        first.setdefault(rule.id, rule)


SETTING_READERS: dict[str, fields.Reader] = {
    "region": fields.text,
    "locale": fields.text,
    "tz": fields.text,
    "gateway": _gateways,
    "sender": fields.text,
    "priority": _lane,
    "ttl": fields.duration,
    "max_age": fields.duration,
    "quiet_hours": _quiet,
    "throttle": _throttle,
    "max_segments": fields.number,
    "smart": partial(fields.choice, choices=("off", "safe", "strip-accents", "ascii")),
    "on_unknown": partial(fields.choice, choices=("drop", "retry", "ask")),
}
RULE_READERS: dict[str, fields.Reader] = {
    "id": fields.name,
    "event": fields.events,
    "when": fields.conditions,
    "to": fields.paths,
    "text_by": fields.text,
    "key": fields.template,
    "cancel_on": fields.events,
    "supersede": fields.template,
    "consent": fields.text,
    "redact": fields.texts,
    "test_events": fields.truth,
    "enabled": fields.truth,
    "shadow": fields.truth,
}
