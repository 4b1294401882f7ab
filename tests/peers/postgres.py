"""A PostgreSQL server of our own: its files in a folder that is removed, its port free, its user without a password."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.service import free_port
from tests.peers.processes import process

BIN = next((path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))
USER = "postgres"


def missing() -> list[str]:
    """Return what a server needs and this machine does not have."""
    found = [name for name in ("initdb", "postgres", "psql") if not (BIN / name).exists()]
    if os.geteuid() == 0 and not (shutil.which("setpriv") and USER in {user.pw_name for user in pwd.getpwall()}):
        found.append(f"setpriv and the user {USER}, for root may not run it")
    return found


def needs_postgres() -> pytest.MarkDecorator:
    """Skip, and say what is missing."""
    return pytest.mark.skipif(bool(missing()), reason=f"PostgreSQL is not installed: {', '.join(missing())}")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server with one database, postgres."""

    port: int

    def run(self, statements: str) -> None:
        """Run statements as psql does, each on its own."""
        words: list[str | Path] = [
            BIN / "psql",
            "-qX",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            USER,
        ]
        subprocess.run([*words, "-d", "postgres"], input=statements, text=True, check=True, capture_output=True)


def as_user() -> list[str | Path]:
    """Return the words before a command that root may not run."""
    if os.geteuid() != 0:
        return []
    words: list[str | Path] = [shutil.which("setpriv") or "", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    return [*words, "--pdeathsig=KILL"]  # it ends with us even where we are killed


@contextmanager
def postgres() -> Iterator[Server]:
    """Start a server; it ends with the block."""
    folder, port = Path(tempfile.mkdtemp(prefix="tidings-pg-")), free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    try:
        make: list[str | Path] = [
            *as_user(),
            BIN / "initdb",
            "-D",
            folder / "data",
            "-A",
            "trust",
            "-U",
            USER,
            "-N",
            "--locale=C.UTF-8",
        ]
        subprocess.run(make, check=True, capture_output=True, cwd=folder)
        with process(
            [*as_user(), BIN / "postgres", "-D", folder / "data", "-p", str(port), *options], folder, port=port
        ):
            yield Server(port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
