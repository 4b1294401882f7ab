"""The disk: full, read-only, locked by somebody else, slow with its flushes, failing at them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from chaos.books import Balance
from chaos.ground import SqliteFile
from chaos.ring import Interrupted, NotHere, Ring
from tests.fakes.service import until

SIZE = "24m"
ROOM = 300_000
"""Bytes left on a disk that is about to be full."""

FLUSH = Path(__file__).with_name("fsync.c")


def full(ring: Ring) -> Balance:
    """The disk is full: senders hear 503 and come again, and when there is room again everything goes on."""
    with disk(ring) as folder:
        ring.service.start()
        ring.crowd.start()
        for _ in ring.lasts():
            ring.wait(0.2)
            _fill(folder / "filling")
            ring.faults += 1
            _refused(ring)
            ring.wait()
            (folder / "filling").unlink()
            _accepted(ring)
        return ring.close()


def read_only(ring: Ring) -> Balance:
    """The disk is read-only at a start: the service says so and ends, and nothing is gone once it may write again."""
    with disk(ring) as folder:
        ring.service.start()
        ring.crowd.start()
        for _ in ring.lasts():
            ring.wait(0.3)
            ring.service.kill()
            _remount(folder, "ro")
            ring.faults += 1
            _ends_in_words(ring)
            _remount(folder, "rw")
            ring.service.start()
            _accepted(ring)
        return ring.close()


def locked(ring: Ring) -> Balance:
    """Somebody else holds the database's lock for longer than anybody waits, as a copying tool does."""
    file = _file(ring).path
    ring.service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.2)
        with closing(sqlite3.connect(file, isolation_level=None, timeout=20)) as other:
            other.execute("begin immediate")
            ring.faults += 1
            time.sleep(6.0)  # the service waits five
            other.execute("rollback")
        _accepted(ring)
    return ring.close()


def slow(ring: Ring) -> Balance:
    """Each flush takes between 20 and 400 milliseconds."""
    return _flushes(ring, lambda: f"slow {ring.dice.randrange(20, 400)}")


def failing(ring: Ring) -> Balance:
    """Flushes fail for a while: what was not flushed was not accepted."""
    return _flushes(ring, lambda: "fail")


def _flushes(ring: Ring, how: Callable[[], str]) -> Balance:
    library, control = _built(ring.folder), ring.folder / "disk"
    control.write_text("")
    ring.environment = {"LD_PRELOAD": str(library), "CHAOS_DISK": str(control)}
    ring.service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(0.2)
        control.write_text(how())
        ring.faults += 1
        ring.wait(0.5)
        if ring.dice.random() < 0.5:  # and the power fails on top of it
            ring.service.kill()
            control.write_text("")
            ring.service.start()
        control.write_text("")
        _accepted(ring)
    return ring.close()


@contextmanager
def disk(ring: Ring) -> Iterator[Path]:
    """Put the database on a small disk of its own, for the length of a `with` block."""
    _file(ring)
    folder = ring.folder / "disk"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        raise NotHere("only root can make a small disk")
    if said := _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tidings-chaos", str(folder)):
        raise NotHere(f"a small disk cannot be mounted here: {said}")
    ring.ground = SqliteFile(folder)
    try:
        yield folder
    finally:
        ring.end()
        _run("umount", "--lazy", str(folder))


def _file(ring: Ring) -> SqliteFile:
    if not isinstance(ring.ground, SqliteFile):
        raise NotHere("the engine's disk is not ours")
    return ring.ground


def _fill(filling: Path) -> None:
    """Take all room but a little, so that it ends in the middle of something."""
    with filling.open("wb", buffering=0) as file:
        left = shutil.disk_usage(filling.parent).free
        file.write(b"\0" * max(0, left - ROOM))


def _remount(folder: Path, how: str, patience: float = 10.0) -> None:
    """Make the disk read-only or writable again; files of a process that was just killed may still be open."""
    deadline = time.monotonic() + patience
    while (said := _run("mount", "-o", f"remount,{how},size={SIZE}", str(folder))) and time.monotonic() < deadline:
        time.sleep(0.1)
    if said:
        raise NotHere(f"the small disk cannot be made {how}: {said}")


def _run(*words: str) -> str:
    """Run a program of the machine; return what it has against it."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ["it failed"])[0] if done.returncode else ""


def _refused(ring: Ring) -> None:
    """See that senders are told to come again. Raises Interrupted."""
    known = ring.crowd.refused
    until(lambda: ring.crowd.refused > known, lambda: "the disk is full, and nobody was refused", 20)


def _accepted(ring: Ring) -> None:
    """See that events are accepted again. Raises TimeoutError."""
    known = ring.crowd.answered
    until(lambda: ring.crowd.answered > known, lambda: "the disk is sound again, and nothing is accepted", 30)


def _ends_in_words(ring: Ring) -> None:
    """See that a start on a disk that cannot be written ends by itself, and says why."""
    service = ring.service
    before = len(service.log)
    service.start(wait=False)
    process = service.process
    if process is None:
        raise Interrupted("the service was not started")
    until(lambda: process.poll() is not None, lambda: "the disk is read-only, and the service goes on", 20)
    said, service.process = service.log[before:], None
    if process.returncode == 0 or "readonly" not in said.replace("-", "").lower():
        raise Interrupted(f"ended with {process.returncode}: {said[-500:]}")
    if "Traceback" in said:
        raise Interrupted(f"the disk is read-only, and a person reads a traceback: {said[-700:]}")


def _built(folder: Path) -> Path:
    """Compile the disk that fails. Raises NotHere."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        raise NotHere("needs Linux and a C compiler")
    library = folder / "fsync.so"
    if said := _run(compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(FLUSH), "-ldl"):
        raise NotHere(f"the compiler refused: {said}")
    return library
