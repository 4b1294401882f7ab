"""Putting another version of the rules in force, with everything that belongs to it, or back to an earlier one."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from audit import events, links, messages, versions
from audit.store import Store, Tx
from dispatch.pending import changed_rules, rewritten
from dispatch.rehearse import Outcome, SampleReader, rehearse
from model.message import Message
from model.reasons import Because
from rules.book import Book
from rules.files import files_of, included
from rules.load import load

Choice = Literal["keep", "re-render", "cancel"]
CHOICES: tuple[Choice, ...] = ("keep", "re-render", "cancel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did: the version's number, and what became of the texts that waited."""

    number: int
    waiting: int
    rewritten: int = 0
    cancelled: int = 0


@contextmanager
def held(folder: Path, *, to_write: bool = False) -> Iterator[None]:
    """Hold a rules folder: many may read it at once, one writes it alone, so that several files change in one step.

    A lock on the folder itself leaves no file behind and ends with the process that holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if to_write else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def in_one_step(path: Path) -> tuple[Book, dict[str, str]]:
    """Load a rules file together with everything it is made of, while nobody publishes. Raises ConfigError."""
    with held(path.parent) if path.parent.is_dir() else nullcontext():
        return load(path), files_of(path)


@contextmanager
def unpacked(files: Mapping[str, str]) -> Iterator[Path]:
    """Lay a version out in a folder of its own; gives the main file."""
    with tempfile.TemporaryDirectory(prefix="tidings-rules-") as folder:
        for name, content in files.items():
            _write(Path(folder), name, content)
        yield Path(folder) / next(iter(files))


def load_version(files: Mapping[str, str]) -> Book:
    """Load a version. Raises ConfigError."""
    with unpacked(files) as path:
        return load(path)


def rehearsed(book: Book, read_sample: SampleReader) -> list[Outcome]:
    """Return the tests of a book that do not hold."""
    return [outcome for outcome in rehearse(book, read_sample) if outcome.wrong]


def waiting_texts(store: Store, old: Book, new: Book) -> list[Message]:
    """Return the texts that wait and whose rule changes."""
    changed = changed_rules(old, new)
    with store.read() as tx:
        return messages.waiting_of(tx, changed) if changed else []


def publish(  # noqa: PLR0913 - what a publication consists of
    store: Store,
    old: Book,
    files: Mapping[str, str],
    target: Path,
    *,
    actor: str,
    note: str,
    pending: Choice,
    now: datetime,
) -> Published:
    """Record the version, settle the waiting texts as chosen, then put the files in place: the service follows."""
    new = load_version(files)
    waiting = waiting_texts(store, old, new)

    def write(tx: Tx) -> Published:
        number = versions.put_in_force(tx, new.hash, files, actor, note, now)
        counts = [0, 0]
        for message in waiting:
            counts = _settle(tx, new, message, pending, actor, now, counts)
        return Published(number=number, waiting=len(waiting), rewritten=counts[0], cancelled=counts[1])

    done = store.write(write)
    _lay_out(files, target)
    return done


def _lay_out(files: Mapping[str, str], target: Path) -> None:
    """Put the files in place, and set aside what would be included and is not of this version."""
    main = next(iter(files))
    target.parent.mkdir(parents=True, exist_ok=True)
    with held(target.parent, to_write=True):
        for name in reversed(list(files)):  # the main file last: until it is there, a crash changes no rule
            _write(target.parent, target.name if name == main else name, files[name])
        for file in included(target):
            if file.relative_to(target.parent).as_posix() not in files:
                file.rename(file.with_name(f"{file.name}.aside"))


def _settle(
    tx: Tx, book: Book, message: Message, pending: Choice, actor: str, now: datetime, counts: list[int]
) -> list[int]:
    if pending == "keep":
        return counts
    if pending == "re-render":
        event = events.get(tx, message.event_id, with_raw=book.uses_raw)
        again = rewritten(book, message, event, now, links.codes_of(tx, message.id)) if event is not None else None
        if again is not None:
            messages.rewrite(tx, replace(again, due_at=max(again.due_at, now)), actor, now)
            return [counts[0] + 1, counts[1]]
    dropped = messages.drop(tx, message, Because.SUPERSEDED, actor, now)
    return [counts[0], counts[1] + dropped]


def _write(base: Path, name: str, content: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    path = (base / name).resolve()
    if not path.is_relative_to(base.resolve()):
        raise ValueError(f"{name} is outside the rules folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text("utf-8") == content:
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
