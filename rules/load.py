"""YAML -> Book, or every problem in the file at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from model.message import Lane
from model.reasons import ConfigError, Problem
from rules import fields, files, load_campaign, load_links, load_replies, parts, spec
from rules.book import Book, Naming, Rule, Step
from rules.fields import Problems, Reader, read_all, read_map
from rules.load_tests import read_tests
from rules.places import is_zone
from rules.reader import Node, problem, read
from rules.render import locale_of

MAX_RULES = 20_000
READERS: dict[str, Reader] = {
    "tests": read_tests,
    "recheck": parts.recheck,
    "batch": parts.batch,
    "campaign": load_campaign.campaign,
    "replies": load_replies.replies,
}


def load(path: Path, content: bytes | None = None, name: str = "") -> Book:
    """Load a rules file and what it includes. Raises ConfigError with every problem found."""
    loader = _Loader(path.parent)
    try:
        loader.take(path, name or path.name, content, {})
        loader.check_ids()
    except ConfigError as error:  # what stops the reading comes with what was found before
        raise ConfigError(_sorted([*loader.problems.found, *error.problems])) from None
    if loader.problems.found:
        raise ConfigError(_sorted(loader.problems.found))
    return Book.of(loader.rules, loader.digest.hexdigest()[:16], str(path), loader.sources)


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(dict.fromkeys(problems), key=lambda found: (found.path, found.line, found.column))


@dataclass(slots=True)
class _Loader:
    """One run over a file and its includes. Templates lie beside the first file, includes inside its folder."""

    base: Path
    problems: Problems = field(default_factory=Problems)
    rules: list[Rule] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha256)
    seen: set[Path] = field(default_factory=set)
    sources: dict[str, Naming] = field(default_factory=dict)

    def take(self, path: Path, name: str, content: bytes | None, defaults: Mapping[str, Any]) -> None:
        """Read one file. What it includes starts from its defaults."""
        self.seen.add(path.resolve())
        raw = content if content is not None else _bytes(path, name)
        self.digest.update(len(raw).to_bytes(8, "big") + raw)
        root = read(path, name, raw)
        entries = read_map(root, spec.FILE, self.problems, "The file")
        if "version" in entries and entries["version"].text != "1":
            self.problems.add(entries["version"], f"version must be 1, not {entries['version'].kind}.")
        inherited = dict(defaults)
        if "defaults" in entries:
            inherited |= _defaults(entries["defaults"], self.problems)
        if "sources" in entries and not entries["sources"].is_null:
            self._name(entries["sources"])
        for node in _items(entries.get("rules"), self.problems, "rules"):
            self._add(node, inherited)
        for node in _includes(entries.get("include")):
            self._include(node, inherited)

    def _add(self, node: Node, defaults: Mapping[str, Any]) -> None:
        if len(self.rules) >= MAX_RULES:
            raise ConfigError([problem(node, f"More than {MAX_RULES:,} rules.")])
        rule = _rule(node, defaults, self.base, self.problems)
        if rule is not None:
            self.rules.append(rule)
            for text in _texts_of(rule):
                self.digest.update(text.encode("utf-8", "replace"))

    def _name(self, node: Node) -> None:
        for name, naming in load_campaign.sources(node, self.problems).items():
            if name in self.sources:
                spot = Node(node.path, *node.key_lines[name])
                self.problems.add(spot, f"The source {name[:60]} stands in two files.")
            self.sources.setdefault(name, naming)

    def _include(self, node: Node, defaults: Mapping[str, Any]) -> None:
        for other in _matching(self.base, node, self.problems):
            if len(self.seen) > files.MAX_FILES:
                raise ConfigError([problem(node, f"More than {files.MAX_FILES} files.")])
            if other.resolve() not in self.seen:
                try:
                    self.take(other, other.relative_to(self.base).as_posix(), None, defaults)
                except ConfigError as error:
                    self.problems.note(*(found for found in error.problems if found not in self.problems.found))

    def check_ids(self) -> None:
        """See that no two rules have one name."""
        first: dict[str, Rule] = {}
        for rule in self.rules:
            if rule.id in first:
                place = f"{first[rule.id].file}:{first[rule.id].line}"
                spot = Problem(path=rule.file, line=rule.line, column=1, text="")
                self.problems.note(replace(spot, text=f"The rule {rule.id} stands twice; the first is at {place}."))
            first.setdefault(rule.id, rule)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"The file cannot be read: {error.strerror}."
        raise ConfigError([Problem(path=name, line=1, column=1, text=text)]) from None


def _items(node: Node | None, problems: Problems, what: str) -> list[Node]:
    """Return the entries of a list; an empty value is an empty list."""
    if node is None or node.is_null:
        return []
    if node.items is None:
        problems.add(node, f"{what} must be a list, not {node.kind}.")
    return node.items or []


def _includes(node: Node | None) -> list[Node]:
    return [] if node is None or node.is_null else node.items if node.items is not None else [node]


def _matching(base: Path, node: Node, problems: Problems) -> Iterator[Path]:
    """Find the files an include names, inside the folder of the rules file only."""
    pattern = fields.text(node, problems, "An include")
    try:
        yield from (files.matching(base, pattern) or [base / pattern]) if pattern else ()
    except NotADirectoryError:
        problems.add(node, "An include names files below the folder of this file.", "Write shop/*.yaml.")
    except (ValueError, NotImplementedError):
        problems.add(node, f"{pattern[:60]!r} is no name of a file.")


def _defaults(node: Node, problems: Problems) -> dict[str, Any]:
    values = _settings(read_map(node, spec.DEFAULTS, problems, "defaults"), problems)
    if locale_of(values.get("locale"), ""):
        values["default_locale"] = values["locale"]
    if is_zone(values.get("zone", "")):
        values["default_zone"] = values["zone"]
    return values


def _rule(node: Node, defaults: Mapping[str, Any], base: Path, problems: Problems) -> Rule | None:
    before = len(problems.found)
    where = _called(node)
    entries = read_map(node, spec.RULE, problems, where)
    if not entries:
        return None
    values = {**defaults, **_settings(entries, problems), **read_all(entries, parts.RULE_READERS, problems)}
    load_campaign.check_ways(node, entries, problems, where)
    if "campaign" in entries and "priority" not in entries:
        values["lane"] = Lane.BULK
    values["steps"] = parts.steps(node, entries, base, problems, where)
    values |= read_all(entries, READERS, problems)
    values["links"] = load_links.made(node, entries, [defaults, values], problems, where)
    if "dedupe" in entries and not entries["dedupe"].is_null:
        values |= parts.dedupe(entries["dedupe"], problems)
    _check_key(values["steps"], entries, problems, where)
    for other in ("schedule", "sequence", "supersede"):
        if "batch" in entries and other in entries:
            problems.add(entries["batch"], f"{where} has a batch and a {other}; a batch says by itself when it leaves.")
    if len(problems.found) > before:
        return None
    values["events"] = values.pop("event", ())
    values["places"] = dict(_places(node, ""))
    rule = Rule(file=node.path, line=node.line, hash="", **values)
    return replace(rule, hash=_hash(node, rule))


def _places(node: Node, path: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield where everything a rule says stands, keys and list items by dotted path; its tests know their own lines."""
    for name, child in (node.entries or {}).items():
        yield f"{path}{name}", node.key_lines[name]
        if path or name != "tests":
            yield from _places(child, f"{path}{name}.")
    for index, child in enumerate(node.items or ()):
        yield f"{path}{index}", (child.line, child.column)
        yield from _places(child, f"{path}{index}.")


def _called(node: Node) -> str:
    name = node.entries["id"].text if node.entries and "id" in node.entries else None
    return f"Rule {name[:60]}" if name else "A rule"


def _check_key(steps: tuple[Step, ...], entries: Mapping[str, Node], problems: Problems, where: str) -> None:
    if "cancel_on" in entries and "key" not in entries and any(step.schedule for step in steps):
        text = f"{where} has cancel_on and no key."
        problems.add(entries["cancel_on"], text, "key names the record both events share.")


def _hash(node: Node, rule: Rule) -> str:
    """Identify what a rule says, texts from files included: everything but its tests and its place in the file."""
    content = {name: child.plain() for name, child in (node.entries or {}).items() if name != "tests"}
    said = repr((sorted(content.items()), _texts_of(rule)))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]


def _texts_of(rule: Rule) -> list[str]:
    return [text.source for step in rule.steps for by_locale in step.texts.values() for text in by_locale.values()]


def _settings(entries: Mapping[str, Node], problems: Problems) -> dict[str, Any]:
    """Read the fields that stand both in `defaults` and in a rule."""
    values = read_all(entries, parts.SETTING_READERS, problems)
    if "gateway" in values:
        values["gateways"], values["next_after"] = values.pop("gateway")
    return {parts.RENAMED.get(name, name): value for name, value in values.items()}
