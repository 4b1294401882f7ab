"""Load from outside: pre-signed events posted by wrk (apt install wrk), each one new."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.service import PATIENCE, tick

POST = Path(__file__).with_name("post.lua")
GET = Path(__file__).with_name("get.lua")
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
    return _run(POST, f"{address}/hooks/ticks", events, connections, seconds)


def get(address: str, paths: Path, connections: int, seconds: float) -> Load:
    """Ask for the paths of a file, one a line, likewise."""
    return _run(GET, address, paths, connections, seconds)


def _run(script: Path, address: str, given: Path, connections: int, seconds: float) -> Load:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise FileNotFoundError("wrk is not installed: apt install wrk")
    done = subprocess.run(
        [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(script),
         address, "--", str(given)],
        capture_output=True, text=True, timeout=seconds + PATIENCE + 30, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(**found)
