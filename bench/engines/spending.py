"""What processes take of the machine, by proc(5)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from bench.starting import pss


def descendants(pid: int) -> set[int]:
    """Return the processes below one."""
    parents = {int(entry.name): parent for entry in Path("/proc").iterdir() if (parent := _parent(entry)) is not None}
    found, more = set[int](), {pid}
    while more := {child for child, parent in parents.items() if parent in more}:
        found |= more
    return found


def cpu(pid: int) -> float:
    """Return the processor's seconds of a process and of its children that have ended."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")  # utime, stime, cutime, cstime
    return 0.0


def memory(pid: int) -> float:
    """Return its megabytes, what is shared counted in part."""
    with suppress(OSError):
        return pss(pid) / 1e6
    return 0.0


def _parent(entry: Path) -> int | None:
    if entry.name.isdecimal():
        with suppress(OSError):
            return int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
    return None
