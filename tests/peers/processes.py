"""Programs of others as processes: started on free ports of this machine, ended by group, and nothing else is."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.fakes.service import ROOT, in_group, until

PEERS = ROOT / ".peers"
DEBIAN = PEERS / "debian" / "root"
PYTHON = PEERS / "python" / "bin"
NODE_MODULES = PEERS / "node_modules"
STARTS_WITHIN = 40.0
LIBRARIES = {"LD_LIBRARY_PATH": os.pathsep.join(str(DEBIAN / part / "x86_64-linux-gnu") for part in ("usr/lib", "lib"))}


def needs(*paths: Path, node: bool = False) -> pytest.MarkDecorator:
    """Skip, and say what is missing."""
    missing = [path.name for path in paths if not path.exists()] + (
        ["node"] if node and not shutil.which("node") else []
    )
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}; run make peers")


def answers(port: int) -> bool:
    """Tell whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def process(
    words: Sequence[str | Path], folder: Path, *, port: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Run a program until the end of the block; yield the file with all it says. It is up when its port answers."""
    said = folder / f"{Path(words[0]).name}.log"
    with said.open("ab") as log:
        running = subprocess.Popen(
            [str(word) for word in words], cwd=folder, env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

    def is_up() -> bool:
        if running.poll() is not None:
            raise RuntimeError(
                f"{words[0]} ended with {running.returncode}:\n{said.read_text('utf-8', 'replace')[-2000:]}"
            )
        return not port or answers(port)

    try:
        until(
            is_up, lambda: f"{words[0]} did not come up:\n{said.read_text('utf-8', 'replace')[-2000:]}", STARTS_WITHIN
        )
        yield said
    finally:
        end(running)


def end(running: subprocess.Popen[bytes]) -> None:
    """End a program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait(10)
    until(lambda: not in_group(running.pid), lambda: "a peer does not end")
