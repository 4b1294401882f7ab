"""The tests inside a rules file, read into values."""

from __future__ import annotations

from functools import partial
from typing import Any

from rules import fields, spec
from rules.book import Expect, RuleTest, Scene
from rules.fields import Problems, read_all, read_map
from rules.reader import Node


def read_tests(node: Node, problems: Problems) -> tuple[RuleTest, ...]:
    """Read the list under `tests:`."""
    if node.items is None:
        problems.add(node, f"tests must be a list, not {node.kind}.")
        return ()
    return tuple(_test(child, problems) for child in node.items)


def _test(node: Node, problems: Problems) -> RuleTest:
    entries = read_map(node, spec.TEST, problems, "A test")
    scenes: list[Scene]
    if "story" in entries:
        scenes = [_scene(child, problems) for child in entries["story"].items or []]
    else:
        scenes = [_scene_of(entries, node, problems)]
    given: dict[str, Any] = {}
    if "given" in entries:
        parts = read_map(entries["given"], spec.GIVEN, problems, "given")
        given = read_all(parts, {"opted_out": fields.texts, "consented": fields.texts, "sent": _plain}, problems)
    name = fields.text(entries["name"], problems) if "name" in entries else ""
    return RuleTest(name=name, line=node.line, scenes=scenes, **given)


def _scene(node: Node, problems: Problems) -> Scene:
    return _scene_of(read_map(node, spec.SCENE, problems, "A moment of a story"), node, problems)


def _scene_of(entries: dict[str, Node], node: Node, problems: Problems) -> Scene:
    readers: dict[str, fields.Reader] = {
        "now": fields.moment,
        "event": fields.text,
        "payload": _plain,
        "set": _plain,
        "occurred_at": fields.moment,
        "expect": _expect,
    }
    return Scene(line=node.line, **read_all(entries, readers, problems))


def _expect(node: Node, problems: Problems) -> Expect:
    entries = read_map(node, spec.EXPECT, problems, "expect")
    text = partial(fields.text)
    readers: dict[str, fields.Reader] = {
        "send": fields.number,
        "to": text,
        "text": text,
        "segments": fields.number,
        "at": fields.moment,
        "because": text,
        "locale": text,
        "pending": fields.texts,
    }
    return Expect(**read_all(entries, readers, problems))


def _plain(node: Node, problems: Problems) -> Any:
    return node.plain()
