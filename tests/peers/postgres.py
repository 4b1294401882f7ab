"""A PostgreSQL server of our own: its files in a folder that is removed, its port free, its user without a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.service import free_port, until
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
        _make(folder)
        with process(
            [*as_user(), BIN / "postgres", "-D", folder / "data", "-p", str(port), *options], folder, port=port
        ):
            yield Server(port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class Primary:
    """A server that can be killed and comes back, with all its flushes. `options` are settings of its own.

    Tidings works there as the owner of a database, and not as the superuser, for whom places are kept free.
    """

    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What the settings' `database` says."""
        return f"postgresql://tidings@127.0.0.1:{self.port}/tidings"

    @property
    def root(self) -> str:
        """The same database as its superuser sees it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/tidings"

    def make(self) -> None:
        """Make its files, start it, and make a database."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
        _make(self.folder)
        self.start()
        Server(self.port).run("create role tidings login;\ncreate database tidings owner tidings;\n")

    def start(self, *, wait: bool = True) -> None:
        """Start it, the first time or after a kill, and wait until it answers."""
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self.options}
        words: list[str | Path] = [
            *as_user(), "env", *(f"{name}={value}" for name, value in self.environment.items()),  # not for setpriv
            BIN / "postgres", "-D", self.folder / "data", "-p", str(self.port),
        ]  # fmt: skip
        for name, value in options.items():
            words += ["-c", f"{name}={value}"]
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            until(self.is_up, lambda: f"the server did not come up: {self._said}", 60)

    def is_up(self) -> bool:
        """Tell whether it takes connections; raises when it ended instead."""
        import psycopg

        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"the server ended: {self._said}")
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{USER}@127.0.0.1:{self.port}/postgres", connect_timeout=2).close()
            return True
        return False

    def kill(self) -> None:
        """kill -9 of all its processes at one moment, as a power cut would. Each is in a session of its own."""
        if self.process is None:
            return
        main = self.process.pid
        with suppress(ProcessLookupError):
            os.kill(main, signal.SIGSTOP)  # or it would make new ones meanwhile
            children = _children(main)
            for pid in [*children, main]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            # A server that is started before the last one has let go of the memory they share refuses to.
            until(lambda: not any(map(_runs, children)), lambda: "some of the server's processes are left", 30)
        self.process.wait(10)
        self.process = None

    @property
    def _said(self) -> str:
        return (self.folder / "postgres.log").read_text("utf-8", "replace")[-2000:]


@contextmanager
def primary(**options: str) -> Iterator[Primary]:
    """Make a server that can be killed; it is gone with the block."""
    folder = Path(tempfile.mkdtemp(prefix="tidings-pg-"))
    made = Primary(folder, options)
    try:
        made.make()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    """Make a server's files."""
    words: list[str | Path] = [
        *as_user(), BIN / "initdb", "-D", folder / "data", "-A", "trust", "-U", USER, "-N", "--locale=C.UTF-8",
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, cwd=folder)


def _runs(pid: int) -> bool:
    """Tell whether a process is still there; what only waits to be asked for its end is not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in {"Z", "X"}
    return False


def _children(parent: int) -> list[int]:
    """Return the running processes that one process made."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and int((entry / "stat").read_text().rpartition(") ")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found
