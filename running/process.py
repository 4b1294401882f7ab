"""The process that serves: built from the environment, stopped by signals. The HTTP server loads `create` of it."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TextIO

import settings as settings_file
from app import Tidings, build
from audit.store import StoreDown
from inbound.wsgi import FrontDoor
from model.reasons import ConfigError
from running.logs import configure_logging

log = logging.getLogger("tidings")


def create() -> FrontDoor:
    """Build and start the service from the environment: what the HTTP server loads. Problems end the process with 1."""
    configure_logging()
    path = os.environ.get("TIDINGS_CONFIG")
    settings = settings_file.load(Path(path) if path else None, os.environ)
    if os.environ.get("TIDINGS_PLAY"):
        from demo import with_sample_sources  # noqa: PLC0415 - `make run` only

        settings = with_sample_sources(settings)
    try:
        service = build(settings, role=os.environ.get("TIDINGS_ROLE", "all"))
        service.start()
    except StoreDown as error:
        _say(f"The database cannot be used: {error}", file=sys.stderr)
        sys.exit(1)
    except ConfigError as error:  # the file itself is fine; what it asks for cannot be built
        for problem in error.problems:
            _say(str(problem), file=sys.stderr)
        sys.exit(1)
    if not os.environ.get("TIDINGS_PLAY"):
        port = os.environ.get("TIDINGS_PORT") or settings.port
        _say(f"Tidings listens on http://{settings.host}:{port}, mode {settings.mode}. Ctrl-C stops it.")
    _end_with_parent()
    _listen_for_signals(service)
    # The server runs us in a process of its own that ends without atexit; this is the hook such processes have.
    Finalize(None, service.stop, exitpriority=100)
    gc.freeze()  # what was loaded stays: looking through it for garbage would hold everybody up for 30 ms at times
    return service.wsgi


def _say(line: str, file: TextIO | None = None) -> None:
    """Tell the person who started the service, as the command line does."""
    print(line, file=file, flush=True)


def _end_with_parent() -> None:
    """Stop when the process that supervises us is gone: left alone we would work beside our own successor."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        log.error("the supervising process is gone, stopping")
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _listen_for_signals(service: Tidings) -> None:
    """Begin to drain with the signal itself: the server first waits for slow senders, at worst until it is killed.

    SIGHUP, which the supervising process passes on, loads the rules again.
    """
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    signal.signal(signal.SIGHUP, lambda *_: None)  # a handler, so that it wakes us and does not end the process
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        while theirs.fileno() >= 0 and (told := ours.recv(1)):  # for ever: a closed end would be written to
            if told[0] in {signal.SIGTERM, signal.SIGINT}:
                service.driver.stop()
            elif told[0] == signal.SIGHUP:
                threading.Thread(target=service.rules.reload, args=("SIGHUP",), name="reload", daemon=True).start()

    threading.Thread(target=watch, name="signals", daemon=True).start()
