"""Running a program of somebody else and reading what it prints, line by line, with limits on time and size.

It gets no environment but the one it is given, and its own process group, which is ended with it.
"""

from __future__ import annotations

import logging
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

log = logging.getLogger("tidings.wire")
MAX_LINE = 1_000_000
CHUNK, KEPT = 65_536, 20
GRACE_SECONDS = 2.0
NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
MAIL = re.compile(r"[^\s<>\"'=:,]+@")
CREDENTIALS = re.compile(r"://[^/\s@]+@")


class ProgramFailed(Exception):  # noqa: N818 - names the outcome
    """The program cannot be started, ended with an error, took too long or printed a line without end."""


class Program:
    """A running program. `said` are the last lines it wrote beside its output, without numbers and secrets."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, seconds: float, secrets: Sequence[str] = ()
    ) -> None:
        self.name = command[0].rpartition("/")[2]
        self.said: deque[str] = deque(maxlen=KEPT)
        self._deadline = time.monotonic() + seconds
        self._secrets = [one for one in secrets if len(one) > 3]
        whole = {"PATH": os.defpath, "LANG": "C.UTF-8", **environment}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
                list(command),
                env=whole,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ProgramFailed(f"{self.name} cannot be started: {getattr(error, 'strerror', '') or error}.") from None
        self._listener = threading.Thread(target=self._listen, name=f"{self.name} log", daemon=True)
        self._listener.start()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of its output as they come. Raises ProgramFailed."""
        rest = b""
        while chunk := self._chunk():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > MAX_LINE:
                self._fail(f"printed a line of more than {MAX_LINE:,} bytes")
        if rest:
            yield rest
        self._finish()

    def close(self) -> None:
        """End it and everything it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM if self._process.poll() is None else signal.SIGKILL)
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._listener.join(GRACE_SECONDS)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _chunk(self) -> bytes:
        out = self._process.stdout
        assert out is not None  # noqa: S101 - asked for above
        try:
            with selectors.DefaultSelector() as waiting:
                waiting.register(out, selectors.EVENT_READ)
                if not waiting.select(max(0.0, self._deadline - time.monotonic())):
                    self._fail("took too long and was ended")
            return os.read(out.fileno(), CHUNK)
        except (OSError, ValueError):  # closed by another thread, because the service stops
            raise ProgramFailed(f"{self.name} was ended") from None

    def _finish(self) -> None:
        try:
            code = self._process.wait(max(0.1, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._fail("took too long and was ended")
        self._listener.join(GRACE_SECONDS)
        if code:
            self._fail(f"ended with code {code}")
        self.close()

    def _fail(self, what: str) -> None:
        self.close()
        last = f": {self.said[-1]}" if self.said else ""
        raise ProgramFailed(f"{self.name} {what}{last}"[:300])

    def _listen(self) -> None:
        err = self._process.stderr
        with suppress(ValueError, OSError):  # closed while we listened
            while err is not None and (line := err.readline(CHUNK)):
                text = masked(line.decode("utf-8", "replace").strip(), self._secrets)[:500]
                if text:
                    self.said.append(text)
                    log.info("program said", extra={"program": self.name, "line": text})


def masked(text: str, secrets: Sequence[str] = ()) -> str:
    """Return a line without the secrets, credentials, addresses of people and numbers that may stand in it."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = MAIL.sub("***@", CREDENTIALS.sub("://***@", text))
    return NUMBER.sub(lambda found: found[0] if DATE.match(found[0]) else f"***{found[0][-2:]}", text)
