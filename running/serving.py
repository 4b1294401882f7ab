"""Running the service behind granian, and `make run`: the sample payloads played at it."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from settings import Settings

ROLE_VARIABLE = "TIDINGS_ROLE"
"""Tells the serving process its role."""

PLAY_VARIABLE = "TIDINGS_PLAY"
"""Set in the serving process when the samples' senders are to be known as sources."""

BLOCKING_THREADS = 1_280
"""Made when they are needed. A sender that is slow with its body keeps one, about 60 kB: a thousand of them shut nobody
out. More of these than threads want a proxy that buffers."""

MEMORY_ARENAS = "2"
"""Left to itself the C library gives each of dozens of threads memory of its own, which fills with gaps: an hour at
120 events a second took 500 MB, of which Python and SQLite held 40. The interpreter runs one thread at a time."""

OPEN_FILES = 8_192
"""Each connection is one; what a shell or systemd gives is 1,024."""

THREAD_IDLE_SECONDS = 600
"""The longest the server allows: each thread that reads holds a connection to the store."""


def serve(
    settings: Settings, config: Path | None, *, play: bool, role: str = "all", port: int | None = None,
    host: str | None = None,
) -> NoReturn:  # fmt: skip
    """Serve until a signal; with `play`, post the sample payloads once it is up.

    `role` says what of the work this process does (running/roles.py); `host` and `port` are where it listens instead of
    where the settings say.
    This process becomes the server's: what the command line has loaded is gone then, 11 MB that would lie about idle.
    """
    os.environ[ROLE_VARIABLE] = role
    os.environ.setdefault("MALLOC_ARENA_MAX", MEMORY_ARENAS)
    if port is not None:
        os.environ["TIDINGS_PORT"] = str(port)
    if host is not None:
        os.environ["TIDINGS_HOST"] = host  # read again with the settings: who may come in unnamed depends on it
        settings = settings.model_copy(update={"host": host})
    if config is not None:
        os.environ["TIDINGS_CONFIG"] = str(config)
    _may_open(OPEN_FILES)
    listen = settings.port if port is None else port
    _refuse_a_taken(settings.host, listen)
    if play:
        os.environ[PLAY_VARIABLE] = "1"  # the service then stays in sink mode, whatever the settings say
        # A process of its own: the server forks its worker, and a fork must not happen beside running threads.
        subprocess.Popen([sys.executable, "-m", "cli", "play", settings.address])  # noqa: S603 - our own command
    sys.stdout.flush()
    # -P: without it our modules would be looked for in the folder we happen to be started in first.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "running.serving", settings.host, str(listen)])  # noqa: S606 - our own file, no shell


def supervise(host: str, port: int) -> None:
    """Run the server, which runs the service in a process of its own and starts it again when that ends."""
    from granian import Granian  # noqa: PLC0415 - only the serving process needs it
    from granian.constants import Interfaces  # noqa: PLC0415

    class Server(Granian):  # type: ignore[misc]  # granian is imported untyped
        def signal_handler_reload(self, *_args: object, **_more: object) -> None:
            """Pass SIGHUP on to the process that holds the rules; the server's own answer would be to replace it."""
            for child in multiprocessing.active_children():
                if child.pid is not None:
                    os.kill(child.pid, signal.SIGHUP)

    Server(
        "running.process:create",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=BLOCKING_THREADS,
        blocking_threads_idle_timeout=THREAD_IDLE_SECONDS,
        backlog=2048,
        factory=True,
        log_enabled=False,
        workers_kill_timeout=9,
    ).serve()


def _refuse_a_taken(host: str, port: int) -> None:
    """End with a sentence where the server would end with its own troubles, at length."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            said = f"Port {port} of {host} is taken: another program listens there, or Tidings runs already. "
            hint = "Stop it, or listen elsewhere: --port, or port in tidings.toml."
        else:
            said = f"Nobody can listen on port {port} of {host}: {error.strerror}. "
            hint = "Look at --host, TIDINGS_HOST, and host and port in tidings.toml."
        sys.stderr.write(f"{said}{hint}\n")
        sys.exit(1)


def _may_open(wanted: int) -> None:
    """Take what the machine lets us have of open files, up to this many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def play(address: str) -> int:
    """Post every sample as if it happened now, then say where to look. Returns the exit code."""
    import click  # noqa: PLC0415 - the supervising process goes without

    import demo  # noqa: PLC0415 - the samples are read only when they are played
    from app import utc_now  # noqa: PLC0415

    if not demo.wait_until_up(address):
        click.secho(f"The service does not answer at {address}. Is the port taken?", fg="red", err=True)
        return 1
    click.echo(
        "Playing sample_payloads/ at it, signed as the real senders sign. Mode: sink, nothing leaves this machine.\n"
    )
    statuses = demo.play(address, utc_now, demo.brought_up_to(utc_now()))
    time.sleep(1.0)  # the last texts are on their way
    shown = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    click.echo(f"\nPlayed {sum(statuses.values())} requests ({shown}).")
    click.echo("Some samples are damaged on purpose; the console lists their events as unreadable.")
    click.secho(f"Console: {address}/console/     Ctrl-C stops it.", bold=True)
    return 0


if __name__ == "__main__":
    supervise(sys.argv[1], int(sys.argv[2]))
