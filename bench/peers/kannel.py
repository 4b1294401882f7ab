"""Kannel (Debian's package): HTTP in, SMPP out, a receipt for each text, its store on disk as it is in production."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import urlencode

from bench.figures import Figure
from bench.load import get
from bench.peers.runs import CONNECTIONS, Program, Run, crashed, loaded, sink, started
from bench.places import smsc
from tests.fakes.service import free_port
from tests.peers.processes import DEBIAN, LIBRARIES

BEARERBOX, SMSBOX = DEBIAN / "usr/sbin/bearerbox", DEBIAN / "usr/sbin/smsbox"
NAMES = (NAME,) = ("Kannel",)
CONFIG = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = x
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
store-type = spool
store-location = {folder}/spool
dlr-storage = internal
log-level = 3

group = smsc
smsc = smpp
smsc-id = count
host = 127.0.0.1
port = {smsc}
transceiver-mode = 1
smsc-username = count
smsc-password = count
system-type = ""
max-pending-submits = 64

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = 3

group = sendsms-user
username = bench
password = bench
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
text = ""
"""


def lacks() -> str:
    """Say what is not installed; "" when it can run."""
    missing = [path.name for path in (BEARERBOX, SMSBOX) if not path.exists()]
    return f"{', '.join(missing)} not installed (make peers)" if missing else ""


def measure(seconds: float, _delay: float) -> list[Figure]:
    """Measure with a load, and with a kill."""
    return _measured(seconds) + _measured(0)


def _measured(seconds: float) -> list[Figure]:
    """Put a load on it; without `seconds`, kill it in one."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as name, smsc() as carrier, sink() as receipts:
        folder = Path(name).resolve()
        ports = {each: free_port() for each in ("admin", "smsbox", "sendsms")}
        (folder / "spool").mkdir()
        config = folder / "kannel.conf"
        config.write_text(CONFIG.format(**ports, smsc=carrier.port, folder=folder), "utf-8")
        words = [([BEARERBOX, config], ports["smsbox"]), ([SMSBOX, config], ports["sendsms"])]
        with started(Program(folder, words, **LIBRARIES)) as boxes:
            run = Run(who=NAME, pids=boxes.pids, arrived=carrier.taken)
            if not seconds:
                return crashed(
                    run, lambda number: ("GET", path(number, receipts), None, {}), ports["sendsms"], boxes.restart
                )
            paths = folder / "paths"
            paths.write_text("".join(path(n, receipts) + "\n" for n in range(int(8_000 * seconds))))
            address = f"http://127.0.0.1:{ports['sendsms']}"
            return loaded(run, lambda: get(address, paths, CONNECTIONS, seconds), "send requests")


def path(number: int, receipts: str) -> str:
    """Return the request for one text: a new phone, a new text, all its receipts wanted."""
    asked = {
        "username": "bench", "password": "bench", "from": "12345", "to": f"+49171{number:07d}",
        "text": f"Tick {number}", "dlr-mask": "31", "dlr-url": f"{receipts}?id={number}&status=%d",
    }  # fmt: skip
    return f"/cgi-bin/sendsms?{urlencode(asked)}"
