"""Clocks that jump, both ways, while the time that timers go by runs on: what a bad time server does."""

from __future__ import annotations

from pathlib import Path

from chaos.books import Allowed, Balance
from chaos.ground import PostgresServer
from chaos.ring import NotHere, Ring

PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")
JUMPS = (-7_200, -600, -61, -5, 5, 61, 600, 7_200)
"""Seconds; a lease is 60, a text lives for days."""


def jumps(ring: Ring) -> Balance:
    """The machine's clock jumps both ways under load, also while the service is being killed and started.

    A server has a clock of its own, by which all processes go; it jumps as well, by itself.
    """
    offset, theirs = ring.folder / "offset", ring.folder / "server-offset"
    clocks = [offset]
    ring.environment = _faked(offset)
    if isinstance(ring.ground, PostgresServer):
        ring.ground.again(environment=_faked(theirs))
        clocks.append(theirs)
    ring.service.start()
    ring.crowd.start()
    for _ in ring.lasts():
        ring.wait(1.2)
        ring.dice.choice(clocks).write_text(f"{ring.dice.choice(JUMPS):+d}s\n")
        ring.faults += 1
        if ring.dice.random() < 0.3:
            ring.service.kill()
            ring.service.start()
    for clock in clocks:
        clock.write_text("+7300s\n")  # whatever was put off is due
    return ring.close(Allowed(states=frozenset({"expired"})))


def _faked(offset: Path) -> dict[str, str]:
    """Return what makes a process go by a clock that is set by a file."""
    offset.write_text("+0s\n")
    return {
        "LD_PRELOAD": str(_library()), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip


def _library() -> Path:
    for pattern in PLACES:
        root, _, rest = pattern.partition("*")
        found = sorted(Path(root).glob(f"*{rest}")) if rest else [Path(pattern)]
        if found and found[0].exists():
            return found[0]
    raise NotHere("libfaketime is not installed (Debian's package faketime)")
