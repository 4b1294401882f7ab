"""The tests inside a rules file, read into values."""

from __future__ import annotations

import re
from typing import Any

from model.reasons import Because, Needs
from rules import fields, spec
from rules.fields import Problems, Reader, did_you_mean, read_all, read_map
from rules.reader import Node
from rules.replies import INTENTS
from rules.trial import Expect, RuleTest, Scene
from wire import keywords

CODES = frozenset(because.code for because in Because)
MEANINGS = (*INTENTS, keywords.STOP, keywords.PERHAPS_STOP, keywords.START, keywords.HELP, keywords.OTHER)
NEEDS = tuple(needs.code for needs in Needs)


def read_tests(node: Node, problems: Problems) -> tuple[RuleTest, ...]:
    """Read the list under `tests:`."""
    if node.items is None:
        problems.add(node, f"tests must be a list, not {node.kind}.")
        return ()
    return tuple(_test(child, problems) for child in node.items)


def _test(node: Node, problems: Problems) -> RuleTest:
    entries = read_map(node, spec.TEST, problems, "A test")
    scenes = _story(entries, problems) if "story" in entries else [_scene_of(entries, node, problems)]
    if entries and not any(scene.expect for scene in scenes):
        problems.add(node, "This test expects nothing.", "Say what must follow, such as expect: {send: 1}.")
    given: dict[str, Any] = {}
    if "given" in entries:
        given = read_all(read_map(entries["given"], spec.GIVEN, problems, "given"), GIVEN_READERS, problems)
    name = fields.text(entries["name"], problems) if "name" in entries else ""
    return RuleTest(name=name, line=node.line, scenes=scenes, **given)


def _story(entries: dict[str, Node], problems: Problems) -> list[Scene]:
    story = entries["story"]
    for name in sorted(entries.keys() - {"name", "given", "story"}):
        problems.add(entries[name], f"A test with a story has no {name} of its own.", "Write it into its moments.")
    if not story.items:
        problems.add(story, "A story is a list of moments.", "Each has now, event, payload and expect.")
    return [
        _scene_of(read_map(child, spec.SCENE, problems, "A moment of a story"), child, problems)
        for child in story.items or []
    ]


def _scene_of(entries: dict[str, Node], node: Node, problems: Problems) -> Scene:
    return Scene(line=node.line, **read_all(entries, SCENE_READERS, problems))


def _event(node: Node, problems: Problems) -> str:
    fields.events(node, problems)
    return node.text or ""


def _payload(node: Node, problems: Problems) -> Any:
    if node.items is not None:
        problems.add(node, "payload must be a map of fields, or a file of sample_payloads/.")
    return node.plain()


def _changes(node: Node, problems: Problems) -> dict[str, Any]:
    if node.entries is None:
        problems.add(node, f"set must be a map of fields, not {node.kind}.", "Write {customer.phone: null}.")
    return node.plain() if node.entries is not None else {}


def _sent(node: Node, problems: Problems) -> list[dict[str, str]]:
    if node.items is None:
        problems.add(node, f"sent must be a list, not {node.kind}.")
    readers: dict[str, Reader] = {"to": fields.text, "at": fields.moment}
    return [
        read_all(read_map(child, spec.SENT, problems, "An entry of sent"), readers, problems)
        for child in node.items or []
    ]


def _expect(node: Node, problems: Problems) -> Expect:
    return Expect(**read_all(read_map(node, spec.EXPECT, problems, "expect"), EXPECT_READERS, problems))


def _because(node: Node, problems: Problems) -> str:
    value = fields.text(node, problems)
    if value and value not in CODES and not re.fullmatch(r"when\[[0-9]{1,3}\]", value):
        problems.add(node, f"{value[:40]!r} is not a reason code.", did_you_mean(value, CODES))
    return value


def _meaning(node: Node, problems: Problems) -> str:
    return fields.choice(node, problems, MEANINGS)


def _needs(node: Node, problems: Problems) -> str:
    return fields.choice(node, problems, NEEDS)


def _moments(node: Node, problems: Problems) -> tuple[str, ...]:
    children = node.items if node.items is not None else [node]
    return tuple(fields.moment(child, problems) for child in children)


GIVEN_READERS: dict[str, Reader] = {"opted_out": fields.texts, "consented": fields.texts, "sent": _sent}
SCENE_READERS: dict[str, Reader] = {
    "now": fields.moment,
    "event": _event,
    "reply": fields.text,
    "payload": _payload,
    "set": _changes,
    "occurred_at": fields.moment,
    "expect": _expect,
}
EXPECT_READERS: dict[str, Reader] = {
    "send": fields.number,
    "to": fields.text,
    "text": fields.text,
    "segments": fields.number,
    "at": fields.moment,
    "because": _because,
    "locale": fields.text,
    "pending": _moments,
    "intent": _meaning,
    "needs": _needs,
}
