"""Putting a draft or an earlier version in force from the console, one person at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from dispatch.publish import CHOICES, Choice, Published, load_version, publish, rehearsed, waiting_texts
from inbound.examples import event_in
from model.reasons import ConfigError
from web import rules_draft
from web.desk import Desk, Editing

SETTLED: dict[str, str] = {
    "keep": "Send them as they are written",
    "re-render": "Write them again with these rules",
    "cancel": "Do not send them",
}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nothing was published: why, beside which field, and how many texts wait for a choice."""

    sentence: str
    wrong: Mapping[str, str]
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants in force, and what they know: `base` is the hash of the version they started from."""

    files: Mapping[str, str]
    base: str
    who: str
    note: str
    pending: str


def attempt(desk: Desk, editing: Editing, wish: Wish) -> Published | Refusal:
    """Publish, or say why not. Only what somebody has seen is ever replaced."""
    with _one_at_a_time:
        editing.follow("file")  # what somebody laid on the disk a moment ago counts as a version, too
        newest = rules_draft.in_force(desk, editing)
        if newest.hash != wish.base:
            by = f" by {newest.actor}" if newest.actor else ""
            said = f"Version {newest.number}{by} came in force while you were editing. Nothing was published."
            return Refusal(sentence=said, wrong={}, stale=True)
        refused = _refused(desk, wish)
        if refused is not None:
            return refused
        done = publish(
            desk.store, desk.book(), wish.files, editing.path, actor=wish.who, note=wish.note,
            pending=cast("Choice", wish.pending or "keep"), now=desk.clock(),
        )  # fmt: skip
        editing.follow(wish.who)
        return done


def _refused(desk: Desk, wish: Wish) -> Refusal | None:
    """Look at what publishing needs, all of it at once."""
    if not next(iter(wish.files.values())).strip():
        return Refusal(sentence=f"Nothing was published. {rules_draft.EMPTY}", wrong={})
    try:
        book = load_version(wish.files)
    except ConfigError as error:
        count = len(error.problems)
        return Refusal(
            sentence=f"Nothing was published: the file has {count} {'problem' if count == 1 else 'problems'}.", wrong={}
        )
    failed = len(rehearsed(book, event_in))
    if failed:
        tests = "1 test does" if failed == 1 else f"{failed} tests do"
        return Refusal(sentence=f"Nothing was published: {tests} not hold.", wrong={})
    wrong = {}
    if not wish.who:
        wrong["who"] = "Write your name; it is kept in the history."
    if not wish.note:
        wrong["note"] = "Say why; it is kept in the history."
    count = len(waiting_texts(desk.store, desk.book(), book))
    if count and wish.pending not in CHOICES:
        wrong["pending"] = f"Say what becomes of {told(count)} whose rule changes."
    if wrong:
        missing = "1 answer is missing" if len(wrong) == 1 else f"{len(wrong)} answers are missing"
        return Refusal(sentence=f"Nothing was published yet: {missing}", wrong=wrong)
    return None


def told(count: int) -> str:
    """Write how many texts wait."""
    return "the 1 waiting text" if count == 1 else f"the {count:,} waiting texts"
