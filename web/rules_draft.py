"""A changed rules file on its way: what was typed, what is wrong with it, how its tests go, what it started from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit import versions
from audit.versions import Version
from dispatch.publish import load_version, waiting_texts
from dispatch.rehearse import Outcome, rehearse
from inbound.examples import event_in
from model.message import Message
from model.reasons import ConfigError, Problem
from rules.book import Book
from rules.files import files_of
from web.desk import Desk, Editing

MOST_SHOWN = 101
"""The reader stops after a hundred problems and says so in one more."""
FIELDS = ("sample", "event", "last", "who", "note", "pending", "over")
LONGEST = 300
ADVISED = 4
EMPTY = "The file is empty: nobody would be texted any more."
_advised: dict[str, Sequence[Problem]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The main file as typed, with everything around it as it is in force. `book` is None while it cannot be loaded.

    `base` is the hash of the version the person started from; `typed` holds the other fields of the form.
    """

    source: str
    base: str
    files: Mapping[str, str]
    book: Book | None = None
    problems: Sequence[Problem] = ()
    outcomes: Sequence[Outcome] = ()
    typed: Mapping[str, str] = field(default_factory=dict)

    @property
    def main(self) -> str:
        """The name of the file being edited."""
        return next(iter(self.files))

    @property
    def failed(self) -> list[Outcome]:
        """The tests that do not hold."""
        return [outcome for outcome in self.outcomes if outcome.wrong]

    @property
    def lines(self) -> list[str]:
        """The file by lines, as its numbers count them."""
        return self.source.split("\n")

    def as_dict(self) -> dict[str, Any]:
        """Return what the page needs while somebody types."""
        return {
            "problems": [
                {
                    "path": found.path, "line": found.line, "column": found.column, "text": found.text,
                    "hint": found.hint, "level": found.level, "here": found.path == self.main,
                }
                for found in self.problems[:MOST_SHOWN]
            ],
            "tests": {
                "total": len(self.outcomes),
                "failed": [
                    {"rule": one.rule, "test": one.test, "line": one.line, "wrong": list(one.wrong)}
                    for one in self.failed[:MOST_SHOWN]
                ],
            },
        }  # fmt: skip


def in_force(desk: Desk, editing: Editing) -> Version:
    """Return the version in force; before the first is on record, what lies on disk, as number 0."""
    with desk.store.read() as tx:
        newest = versions.newest(tx, 1)
    if newest:
        return newest[0]
    files = files_of(editing.path)
    return Version(number=0, hash=desk.book().hash, files=files, at=desk.clock(), actor="", note="")


def fresh(version: Version) -> Draft:
    """Begin with the version in force."""
    return Draft(source=version.files[next(iter(version.files))], base=version.hash, files=version.files)


def read(form: Mapping[str, str], version: Version) -> Draft:
    """Read what was typed, load it, and run its tests."""
    source = form.get("source", "").replace("\r\n", "\n").replace("\r", "\n")
    files = {**version.files, next(iter(version.files)): source}
    typed = {name: form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    base = form.get("base", "")[:64]
    if not source.strip():
        empty = Problem(path=next(iter(files)), line=1, column=1, text=EMPTY)
        return Draft(source=source, base=base, files=files, problems=[empty], typed=typed)
    try:
        book = load_version(files)
    except ConfigError as error:
        return Draft(source=source, base=base, files=files, problems=error.problems, typed=typed)
    return Draft(
        source=source, base=base, files=files, book=book, outcomes=rehearse(book, event_in), typed=typed
    )  # fmt: skip


def advised(editing: Editing, book: Book) -> Sequence[Problem]:
    """Return what would go wrong with a book, remembered for the few that are looked at again and again."""
    if book.hash not in _advised:
        found = editing.advise(book)
        while len(_advised) >= ADVISED:
            _advised.pop(next(iter(_advised)), None)
        _advised[book.hash] = found
    return _advised[book.hash]


def waiting(desk: Desk, book: Book | None) -> list[Message]:
    """Return the texts that wait and whose rule would change."""
    return waiting_texts(desk.store, desk.book(), book) if book is not None else []
