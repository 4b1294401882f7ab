"""Files of people on their way into a list: held until their columns are mapped, then read in the background.

A held file is open and has no name, so nothing of it is left on the disk when the service ends, however it ends. It
lives in this process alone: behind a balancer that sends its person elsewhere they are asked for the file again.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import BinaryIO
from weakref import finalize

from audit.store import StoreDown
from dispatch.audience import BadList

log = logging.getLogger("tidings.uploads")
MOST_HELD, MOST_READ, MOST_TOLD = 8, 2, 50
"""Files that wait for their columns, that are read at the same time, and of which it is still known how it went."""
HELD_FOR = timedelta(hours=1)
A_MOMENT = 1.0
"""Seconds that whoever begins waits: a short file is read by then."""

Tell = Callable[[int], object]


class Interrupted(Exception):  # noqa: N818 - an ending, not a fault
    """The service stops while a list is read."""


@dataclass(slots=True, kw_only=True)
class Held:
    """A file that waits. `actor` brought it, for the campaign of `rule`."""

    file: BinaryIO
    name: str
    rule: str
    actor: str
    digest: str
    at: datetime
    gate: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True, kw_only=True)
class Reading:
    """How far reading a list is. `trouble` is why it came to nothing, in a sentence."""

    list_id: str
    name: str
    rows: int = 0
    trouble: str = ""
    is_over: bool = False


class Uploads:
    """Every file that waits or is being read."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._held: dict[str, Held] = {}
        self._readings: dict[str, Reading] = {}
        finalize(self, _let_go, self._held)

    def hold(self, given: BinaryIO, name: str, rule: str, actor: str, now: datetime) -> str:
        """Keep a file until its columns are mapped; return the word under which it is found."""
        file = TemporaryFile()  # noqa: SIM115 - it stays open until it is read, or waited too long
        shutil.copyfileobj(given, file)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        word = secrets.token_urlsafe(16)
        with self._gate:
            self._forget(now)
            self._held[word] = Held(file=file, name=name, rule=rule, actor=actor, digest=digest, at=now)
        return word

    def find(self, word: str, actor: str) -> Held | None:
        """Return a file that waits, to whoever brought it."""
        with self._gate:
            found = self._held.get(word)
        return found if found is not None and found.actor == actor else None

    def begin(self, word: str, list_id: str, read: Callable[[BinaryIO, Tell], object]) -> Reading | None:
        """Read a file that waits, in the background; None where it is read already, or others keep us busy."""
        with self._gate:
            busy = sum(not one.is_over for one in self._readings.values())
            held = self._held.pop(word, None) if busy < MOST_READ else None
            if held is None:
                return None
            reading = self._readings[list_id] = Reading(list_id=list_id, name=held.name)
            for old in [key for key, one in self._readings.items() if one.is_over][:-MOST_TOLD]:
                del self._readings[old]
        thread = threading.Thread(target=_read, args=(held, reading, read), name=f"list {list_id}", daemon=True)
        thread.start()
        thread.join(A_MOMENT)
        return reading

    def reading(self, list_id: str) -> Reading | None:
        """Return how far a list is that this process reads, or has read lately."""
        return self._readings.get(list_id)

    def _forget(self, now: datetime) -> None:
        """Close what waits too long, and the oldest where too much waits."""
        old = [word for word, held in self._held.items() if now - held.at > HELD_FOR]
        for word in old or list(self._held)[: max(0, len(self._held) - MOST_HELD + 1)]:
            _let_go({word: self._held.pop(word)})


def _let_go(all_held: dict[str, Held]) -> None:
    for held in all_held.values():
        with held.gate:
            held.file.close()


def _read(held: Held, reading: Reading, read: Callable[[BinaryIO, Tell], object]) -> None:
    def tell(rows: int) -> None:
        reading.rows = rows

    try:
        with held.gate, held.file:
            held.file.seek(0)
            read(held.file, tell)
    except BadList as error:
        reading.trouble = str(error)
    except (Interrupted, StoreDown):
        reading.trouble = "The service stopped while it was read. Nobody is on it; bring the file once more."
    except Exception:
        log.exception("list not read", extra={"list": reading.list_id})
        reading.trouble = "Something broke on our side while it was read; it is in the log. Nobody is on it."
    finally:
        reading.is_over = True
