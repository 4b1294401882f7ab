"""The servers the engines need, on files that survive a kill: PostgreSQL with all its flushes, RabbitMQ as it comes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tests.fakes.service import free_port, until
from tests.peers.postgres import BIN, USER, missing
from tests.peers.processes import process
from tests.peers.rabbit import EPMD, RABBIT, rabbit

T = TypeVar("T")
TRIES = 20

Start = Callable[[ExitStack], str]
"""Starts a server; returns where it is."""


def is_here(engine: str) -> bool:
    """Tell whether what an engine needs is installed."""
    if engine == "postgres":
        return not missing()
    return not engine.startswith("rabbit") or (EPMD.exists() and RABBIT.exists())


@contextmanager
def server(engine: str, folder: Path) -> Iterator[Start]:
    """Return what starts the server of an engine, as often as it is killed."""
    if engine == "sqlite":
        yield lambda _: str(folder / "engine.db")
    elif engine == "postgres":
        with _cluster() as start:
            yield start
    else:
        (folder / "rabbit").mkdir()
        yield lambda stack: _tried(lambda: f"amqp://guest:guest@127.0.0.1:{rabbit(stack, folder / 'rabbit')}/")


def _tried(start: Callable[[], T]) -> T:
    """Start again where what was killed still holds its files, or somebody took the port."""
    for _ in range(TRIES):
        with suppress(RuntimeError):
            return start()
        time.sleep(0.1)
    return start()


@contextmanager
def _cluster() -> Iterator[Start]:
    folder, port, words = Path(tempfile.mkdtemp(prefix="tidings-pg-")), free_port(), _as_user()
    if words:
        shutil.chown(folder, USER, USER)
    made: list[str | Path] = [*words, BIN / "initdb", "-D", folder / "data", "-A", "trust", "-U", USER]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    run: list[str | Path] = [*words, BIN / "postgres", "-D", folder / "data", "-p", str(port), *options]

    def start(stack: ExitStack) -> str:
        url = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
        _tried(lambda: stack.enter_context(process(run, folder, port=port)))
        until(lambda: _answers(url), lambda: "PostgreSQL does not answer")
        return url

    try:
        subprocess.run([*made, "--locale=C.UTF-8"], check=True, capture_output=True, cwd=folder)
        yield start
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    """Tell whether it is done with what a kill left."""
    import psycopg

    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def _as_user() -> list[str | Path]:
    """Return the words before a command that root may not run."""
    if os.geteuid() != 0:
        return []
    return [shutil.which("setpriv") or "", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=KILL"]
