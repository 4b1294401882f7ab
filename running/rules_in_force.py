"""The rules that are in force, and the files they come from: read at the start, read again when they change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from audit import versions
from audit.store import Store, Tx
from dispatch.publish import in_one_step, load_version, rehearsed
from dispatch.rehearse import Outcome
from inbound.examples import event_in
from model.reasons import ConfigError, Problem
from rules.book import Book
from rules.files import paths_of

log = logging.getLogger("tidings")
Stamp = tuple[tuple[str, int, int], ...]
"""Of each file: its name, when it was changed, and which file it is."""


@dataclass(slots=True)
class RulesInForce:
    """One per process. `book` is what events are planned by, `notices` say why the files are not what is in force.

    `followers` are given each new book as a whole.
    """

    path: Path
    store: Store
    clock: Callable[[], datetime]
    book: Book = field(init=False)
    notices: list[str] = field(default_factory=list)
    followers: list[Callable[[Book], None]] = field(default_factory=list)
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _seen: Stamp = ()

    def __post_init__(self) -> None:
        """Load the rules; when a file is broken, run on the last version that was in force, and say so.

        Raises ConfigError when there is none.
        """
        self._seen = _stamp(self.path)
        try:
            self.book, files = in_one_step(self.path)
        except ConfigError as error:
            self.book = self._last(error)
        else:
            self.store.write(partial(self._put_in_force, book=self.book, files=files, actor="start"))

    def reload(self, actor: str = "file") -> bool:
        """Load the files again and run their tests; what is broken changes nothing and is shown."""
        with self._reading:
            before = self._newest()
            try:
                book, files = in_one_step(self.path)
                if book.hash != self.book.hash:
                    hold_tests(book)
            except ConfigError as error:
                self.notices[:] = [f"The rules file was not loaded: {error.problems[0]}"]
                log.warning("rules refused", extra={"problems": len(error.problems)})
                return False
            self.notices.clear()
            if book.hash != self.book.hash and self.store.write(
                partial(self._put_in_force, book=book, files=files, actor=actor, since=before)
            ):
                self.book = book
                for follow in self.followers:
                    follow(book)
            return True

    def look(self) -> None:
        """Reload when a file changed."""
        stamp = _stamp(self.path)
        if stamp != self._seen:
            self._seen = stamp
            self.reload()

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file by the name a decision calls it; [] for one that is gone."""
        path = (self.path.parent / name).resolve()
        if not path.is_relative_to(self.path.parent.resolve()) or not path.is_file():
            return []
        return path.read_text("utf-8", "replace").splitlines()

    def _last(self, error: ConfigError) -> Book:
        with self.store.read() as tx:
            last = versions.newest(tx, 1)
        if not last:
            raise error
        self.notices[:] = [f"The rules file was not loaded, version {last[0].number} is in force: {error.problems[0]}"]
        return load_version(last[0].files)

    def _newest(self) -> int:
        with self.store.read() as tx:
            found = versions.newest(tx, 1)
        return found[0].number if found else 0

    def _put_in_force(self, tx: Tx, book: Book, files: Mapping[str, str], actor: str, since: int | None = None) -> bool:
        """Remember a version, unless another one was published after version `since`: the next look reads that."""
        last = versions.newest(tx, 1)
        if since is not None and last and last[0].number != since and last[0].hash != book.hash:
            return False
        versions.put_in_force(tx, book.hash, files, actor, "", self.clock())
        log.info("rules in force", extra={"hash": book.hash, "count": len(book.rules)})
        return True


def hold_tests(book: Book) -> None:
    """Run the tests inside the rules. Raises ConfigError when one does not hold."""
    failed = rehearsed(book, event_in)
    if failed:
        raise ConfigError([_not_held(outcome) for outcome in failed])


def _not_held(outcome: Outcome) -> Problem:
    text = f"The test {outcome.test!r} of {outcome.rule} does not hold: {outcome.wrong[0]}"
    return Problem(path=outcome.file, line=outcome.line, column=1, text=text)


def _stamp(path: Path) -> Stamp:
    found = []
    for file in paths_of(path):
        try:
            stat = file.stat()
        except OSError:  # gone while we looked: the next look tells
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_ino))
    return tuple(found)
