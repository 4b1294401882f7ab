"""Jasmin (PyPI) with the RabbitMQ and Redis it needs: HTTP in, SMPP out, a receipt for each text.

It is not killed: where its texts are then is RabbitMQ's affair, and its set-up lives in its console.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from bench.figures import Figure
from bench.load import get
from bench.peers.runs import CONNECTIONS, Run, loaded, sink, working_in
from bench.places import smsc
from tests.fakes.service import free_port
from tests.peers import test_jasmin

NAMES = (NAME,) = ("Jasmin",)
NEEDED = (test_jasmin.EPMD, test_jasmin.RABBIT, test_jasmin.REDIS, test_jasmin.JASMIN, test_jasmin.SPEC)


def lacks() -> str:
    """Say what is not installed; "" when it can run."""
    missing = [path.name for path in NEEDED if not path.exists()]
    return f"{', '.join(missing)} not installed (make peers)" if missing else ""


def measure(seconds: float, _delay: float) -> list[Figure]:
    """Measure with a load."""
    with (
        tempfile.TemporaryDirectory(prefix="tidings-bench-", ignore_cleanup_errors=True) as name,
        smsc() as carrier,
        sink() as receipts,
        ExitStack() as peers,
    ):
        folder, ports = Path(name).resolve(), {each: free_port() for each in test_jasmin.PORTS}
        test_jasmin.start(peers, folder, ports)
        test_jasmin.tell(ports["jcli"], test_jasmin.orders(carrier.port, receipts))
        paths = folder / "paths"
        paths.write_text("".join(path(n, receipts) + "\n" for n in range(int(2_000 * seconds))))
        run = Run(who=NAME, pids=lambda: working_in(folder), arrived=carrier.taken)
        address = f"http://127.0.0.1:{ports['http']}"
        return loaded(run, lambda: get(address, paths, CONNECTIONS, seconds), "send requests")


def path(number: int, receipts: str) -> str:
    """Return the request for one text: a new phone, a new text, its receipts wanted."""
    asked = {
        "username": "tidings", "password": "sample", "from": "12345", "to": f"+49171{number:07d}",
        "content": f"Tick {number}", "dlr": "yes", "dlr-level": "3", "dlr-method": "GET", "dlr-url": receipts,
    }  # fmt: skip
    return f"/send?{urlencode(asked)}"
