"""kill -9: the service, its web and worker processes by themselves, and a log whose tail did not survive."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from chaos.books import Allowed, Balance
from chaos.ground import SqliteFile
from chaos.ring import NotHere, Ring

FRAME_HEAD = 24
WAL_HEAD = 32
TORN_FRAMES = 6


def service(ring: Ring) -> Balance:
    """kill -9 of the whole service under load, again and again."""
    ring.service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.1)
        ring.service.kill()
        ring.faults += 1
        ring.service.start()
    return ring.close()


def roles(ring: Ring) -> Balance:
    """kill -9 of the web process or of the worker, each a process of its own over one database."""
    web, worker = ring.add("--role", "web"), ring.add("--role", "worker")
    web.start()
    worker.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.1)
        victim = ring.dice.choice((web, worker))
        victim.kill()
        ring.faults += 1
        victim.start()
    return ring.close()


def torn_log(ring: Ring) -> Balance:
    """kill -9, and the last frames of the write-ahead log come back damaged, as from a disk that lied about its flush.

    What stood in them is gone and cannot be promised. Everything before them must be there, and the start must work.
    """
    if not isinstance(ring.ground, SqliteFile):
        raise NotHere("the engine keeps its log itself")
    lost, again = set[str](), set[str]()
    ring.service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.3)
        ring.service.kill()
        before = _frozen(ring.ground, ring.folder / "before")
        if not _tear(ring.ground.files[1], ring.dice.randrange(1 << 30)):
            ring.service.start()
            continue
        ring.faults += 1
        after = _frozen(ring.ground, ring.folder / "after")
        lost |= before[0] - after[0]
        again |= before[1] - after[1]
        ring.service.start()
    ring.notes.append(f"{len(lost)} events and {len(again)} texts stood in torn frames; senders repeated what they had")
    return ring.close(Allowed(lost=frozenset(lost), again=frozenset(again)))


def _frozen(ground: SqliteFile, copy: Path) -> tuple[set[str], set[str]]:
    """Read a copy of the files as a start would: the events, and the texts that were handed over."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in ground.files[:2]:
        if file.exists():
            shutil.copy(file, copy / file.name)
    with closing(sqlite3.connect(copy / ground.path.name)) as connection:
        events = {row[0] for row in connection.execute("select transport_id from events")}
        texts = {f"{row[0]}" for row in connection.execute(
            "select text from messages where state not in ('queued', 'superseded')")}  # fmt: skip
    return events, texts


def _tear(log: Path, seed: int) -> bool:
    """Flip bits in the last frames that hold a commit. False where the log is empty."""
    if not log.exists() or log.stat().st_size < WAL_HEAD + FRAME_HEAD:
        return False
    raw = bytearray(log.read_bytes())
    size = FRAME_HEAD + int.from_bytes(raw[8:12], "big")
    salt, ours = raw[16:24], []
    for at in range(WAL_HEAD, len(raw) - size + 1, size):
        if raw[at + 8 : at + 16] != salt:  # from an earlier round through the file
            break
        ours.append(at)
    if not ours:
        return False
    for at in ours[-(1 + seed % TORN_FRAMES) :]:
        for offset in (FRAME_HEAD + seed % 512, size // 2, size - 1):
            raw[at + offset] ^= 0xA5
    log.write_bytes(raw)
    return True
