"""The language of gateways/*.yaml: how a file is read and checked, and how `{{ placeholders }}` become values.

Every scalar is read as text, because YAML would turn NO into False and +12025550100 into a number; where a provider
wants a number, `{{ x | int }}` or the YAML tag `!!int` says so. Values are put into parsed structures in one pass and
never looked at again, so a text that contains `{{ sender }}` reaches the phone exactly like that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import yaml

from gateways.declarative.keys import FILE, OPTIONS
from gateways.declarative.sample_keys import SAMPLES
from gateways.declarative.shapes import HOLE, nearest

WORDS = {
    "to": "The recipient's number, in the file's number_format.",
    "text": "The text.",
    "sender": "The sender the rule states, else the option `from`.",
    "ref": "Our message id; empty when it is longer than client_ref.max.",
    "key": "The idempotency key made from our message id.",
    "encoding": "The word of `encoding` that fits the text.",
    "segments": "How many segments the text has.",
    "validity_seconds": "How long the text is worth delivering, in seconds.",
    "validity_minutes": "The same in minutes.",
    "receipt_url": "Where receipts of this message shall go.",
}
NEEDS = {
    ("auth", "basic"): ("username", "password"),
    ("auth", "bearer"): ("token",),
    ("auth", "header"): ("name", "token"),
    ("auth", "query"): ("name", "token"),
    ("auth", "hmac"): ("name", "secret"),
    ("receipt.verify", "hmac"): ("header", "secret"),
    ("receipt.verify", "basic"): ("username", "password"),
    ("receipt.verify", "jwt"): ("header", "secret", "claims"),
}
ALWAYS = frozenset({"to", "text"})


class StringsOnly(yaml.SafeLoader):
    """A loader that guesses no types and takes no key twice."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # the stub says instance variable

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Build a node. An alias could make a file that is small to read and endless to walk."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not used here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Build a mapping. YAML silently keeps the last of two equal keys; a person would not see it."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key must be a text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return a file's document and what is wrong with it; the document is usable only when nothing is."""
    try:
        # The loader builds plain strings, lists and mappings only; nothing in a file can run code.
        document = yaml.load(path.read_text("utf-8"), Loader=StringsOnly)  # noqa: S506 - a SafeLoader subclass
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{path.name}: cannot be read: {type(error).__name__}"]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return {}, [f"{path.name}: is not YAML: {' '.join(str(error).split())[:200]}"]
    if not isinstance(document, dict):
        return {}, [f"{path.name}: must be a mapping of keys"]
    problems = check(document, path.stem) if not is_profile(document) else list(_profile(document, path.stem))
    return document, [f"{path.name}: {problem}" for problem in problems]


def check(document: dict[str, Any], name: str) -> list[str]:
    """Return what is wrong with a whole file called `name`.yaml."""
    return list(FILE("", document)) or list(_across(document, name))


def is_profile(document: Mapping[str, Any]) -> bool:
    """Tell whether options fill places of the file: it is whole only together with the settings of an account."""
    options = document.get("options")
    rows = options.values() if isinstance(options, dict) else ()
    return any(isinstance(row, dict) and "fills" in row for row in rows)


def settled(document: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file with the settings at the places their options fill; what is not set stays missing."""
    whole: dict[str, Any] = deepcopy({name: part for name, part in document.items() if name != "samples"})
    for name, row in document["options"].items():
        if "fills" not in row or settings.get(name) in (None, "", {}):
            continue
        *parents, last = row["fills"].split(".")
        place: Any = whole
        for parent in parents:
            place = place.setdefault(parent, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = settings[name]
    return {**whole, "samples": document["samples"]}


def fill(tree: Any, values: Mapping[str, Any]) -> Any:
    """Return `tree` with every placeholder replaced, in one pass.

    An entry that is nothing but a placeholder of an empty value is left out: providers read "" as a value.
    """
    if isinstance(tree, Mapping):
        return {name: fill(value, values) for name, value in tree.items() if not _vanishes(value, values)}
    if isinstance(tree, list):
        return [fill(value, values) for value in tree if not _vanishes(value, values)]
    if not isinstance(tree, str):
        return tree
    whole = HOLE.fullmatch(tree.strip())
    if whole and whole[2]:
        return int(values[whole[1]])
    return HOLE.sub(lambda hole: str(values[hole[1]]), tree)


def holes(tree: Any) -> set[str]:
    """Return the names of all placeholders in `tree`."""
    if isinstance(tree, Mapping):
        return {name for value in tree.values() for name in holes(value)}
    if isinstance(tree, list):
        return {name for value in tree for name in holes(value)}
    return {hole[1] for hole in HOLE.finditer(tree)} if isinstance(tree, str) else set()


def _vanishes(value: Any, values: Mapping[str, Any]) -> bool:
    whole = HOLE.fullmatch(value.strip()) if isinstance(value, str) else None
    return bool(whole) and whole[1] not in ALWAYS and values[whole[1]] in ("", None)  # type: ignore[index]


def check_account(document: dict[str, Any], settings: Mapping[str, Any], name: str) -> list[str]:
    """Return what is wrong with a profile for one account: settings that are missing, and the places they fill."""
    options = document["options"]
    required = {option for option, row in options.items() if row.get("required") == "yes"}
    empty = sorted(option for option in required if settings.get(option) in (None, "", {}))
    if empty:
        return [f"{option} is missing: {options[option]['text']}" for option in empty]
    whole = settled(document, settings)
    problems = check(whole, name)
    if problems:
        return problems
    signing = holes([whole["auth"][key] for key in NEEDS.get(("auth", whole["auth"]["type"]), ())])
    problems += [
        f"{option} is missing: {row['text']}"
        for option, row in options.items()
        if f"options.{option}" in signing and not settings.get(option)
    ]
    return problems + [f"send: {{{{ {word} }}}} is nowhere" for word in sorted(ALWAYS - holes(whole["send"]))]


def _profile(document: dict[str, Any], name: str) -> Iterator[str]:
    """Check a profile as its samples settle it: for each account the same is done again with the account's settings."""
    problems = [*OPTIONS("options", document["options"]), *SAMPLES("samples", document.get("samples"))]
    yield from problems or check_account(document, document["samples"].get("settings", {}), name)


def _across(document: dict[str, Any], name: str) -> Iterator[str]:
    """Yield what only several keys together can get wrong."""
    if document["gateway"] != name:
        yield f"gateway: is {document['gateway']!r}, but the file is called {name}"
    yield from _holes_across(document)
    yield from _proofs_across("auth", document["auth"], document)
    yield from _proofs_across("receipt.verify", document.get("receipt", {}).get("verify", {}), document)


def _holes_across(document: dict[str, Any]) -> Iterator[str]:
    send = document["send"]
    known = set(WORDS) | {f"options.{name}" for name in (*document.get("options", {}), "base_url", "from")}
    for part in ("send", "auth", "test", "balance"):
        for name in sorted(holes(document.get(part)) - known):
            yield f"{part}: {{{{ {name} }}}} is unknown{nearest(name, known)}"
    for section in ("headers", "path"):
        if holes(send.get(section)) & {"text", "sender"}:
            yield f"send.{section}: a text or sender may stand in query and body only"
    if "key" in holes(send) and "idempotency" not in document:
        yield "idempotency: is missing, and send uses {{ key }}"
    if "form" in send and "json" in send:
        yield "send.json: a request has one body, and send.form is there"


def _proofs_across(part: str, section: Mapping[str, Any], document: dict[str, Any]) -> Iterator[str]:
    for name in sorted(_options_of(part, section) - set(document.get("options", {}))):
        yield f"{part}: option {name} is not declared under options"
    for name in NEEDS.get((part, section.get("type", "none")), ()):
        if name not in section:
            yield f"{part}.{name}: is missing"


def _options_of(part: str, section: Mapping[str, Any]) -> set[str]:
    """Name the options a section refers to; auth says username and password by placeholder instead."""
    names = ("secret",) if part == "auth" else ("secret", "username", "password")
    return {section[name] for name in names if name in section}
