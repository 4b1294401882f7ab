"""Load from outside: pre-signed events posted by wrk (apt install wrk), each one new."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.service import PATIENCE, tick

SCRIPT = Path(__file__).with_name("post.lua")
BODY = 700
"""Bytes of filling: an event of about one kilobyte, as shops send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk saw. Times in milliseconds."""

    per_second: float
    p50: float
    p99: float
    slowest: float
    answered: int
    errors: int


def write_events(path: Path, first: int, count: int) -> Path:
    """Write signed events, one per line: signature, tab, body."""
    with path.open("wb") as file:
        for n in range(first, first + count):
            body, headers = tick(n, BODY)
            file.write(headers["x-signature"].encode() + b"\t" + body + b"\n")
    return path


def post(address: str, events: Path, connections: int, seconds: float) -> Load:
    """Post the events over so many keep-alive connections for so long, or until they are used up."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise FileNotFoundError("wrk is not installed: apt install wrk")
    done = subprocess.run(
        [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT),
         f"{address}/hooks/ticks", "--", str(events)],
        capture_output=True, text=True, timeout=seconds + PATIENCE + 30, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(**found)
