"""Node-RED (npm node-red): http in -> function -> http request, once with and once without a file it appends to first.

It checks no signature, knows no event again, keeps no record and asks for no receipt; both flows answer the sender
before the provider is asked. Flow format: Node-RED 4.1, nodes http in, function, file, http request, http response.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.load import post, write_events
from bench.peers.runs import CONNECTIONS, Program, Run, crashed, loaded, started
from bench.places import Provider, provider
from tests.fakes.counting import ACCOUNT
from tests.fakes.service import free_port, tick
from tests.peers.processes import PEERS

PROGRAM = PEERS / "node-red" / "node_modules" / "node-red" / "red.js"
NAMES = PLAIN, WITH_FILE = "Node-RED", "Node-RED, file log"
LINE = 'msg.event = msg.payload; msg.payload = "Tick " + msg.event.data.number; return msg;'
FORM = """
msg.payload = {To: msg.event.data.phone, From: "+15005550006", Body: "Tick " + msg.event.data.number};
msg.headers = {"content-type": "application/x-www-form-urlencoded"};
return msg;
"""
SETTINGS = """
module.exports = {uiPort: PORT, uiHost: "127.0.0.1", httpAdminRoot: false, flowFile: "flows.json",
  credentialSecret: false, logging: {console: {level: "warn"}}};
"""


def lacks() -> str:
    """Say what is not installed; "" when it can run."""
    if not shutil.which("node"):
        return "node is not installed"
    return "" if PROGRAM.exists() else "node-red is not installed (make peers)"


def measure(seconds: float, delay: float) -> list[Figure]:
    """Measure both flows, each with a load and a kill."""
    return [
        figure
        for who in NAMES
        for kill in (False, True)
        for figure in _measured(who, 0 if kill else seconds, delay)
    ]  # fmt: skip


def _measured(who: str, seconds: float, delay: float) -> list[Figure]:
    """Put a load on a flow; without `seconds`, kill it in one."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as name, provider(delay) as there:
        folder, port = Path(name).resolve(), free_port()
        log = folder / "texts.log"
        (folder / "flows.json").write_text(json.dumps(flow(there, log if who == WITH_FILE else None)))
        (folder / "settings.js").write_text(SETTINGS.replace("PORT", str(port)))
        words: list[str | Path] = ["node", PROGRAM, "--userDir", folder, "--settings", folder / "settings.js"]
        with started(Program(folder, [(words, port)])) as red:
            run = Run(who=who, pids=red.pids, arrived=there.taken)
            if seconds:
                events = write_events(folder / "events", 0, int(4_000 * seconds))
                return loaded(run, lambda: post(f"http://127.0.0.1:{port}", events, CONNECTIONS, seconds))
            return crashed(
                run, lambda number: ("POST", "/hooks/ticks", *tick(number)), port, red.restart,
                lambda: set(log.read_text("utf-8").splitlines()) if log.exists() else set(),
            )  # fmt: skip


def flow(there: Provider, log: Path | None) -> list[dict[str, Any]]:
    """Return the flow; with a `log`, the answer waits until the line is written."""
    after = ["answer", "form"]
    nodes: list[dict[str, Any]] = [
        {"id": "tab", "type": "tab", "label": "texts"},
        {"id": "in", "type": "http in", "url": "/hooks/ticks", "method": "post", "wires": [["line"]]},
        {"id": "line", "type": "function", "func": LINE, "outputs": 1, "wires": [["append"] if log else after]},
        {"id": "answer", "type": "http response", "statusCode": "200", "wires": []},
        {"id": "form", "type": "function", "func": FORM, "outputs": 1, "wires": [["send"]]},
        {"id": "send", "type": "http request", "method": "POST", "ret": "txt", "persist": True, "wires": [[]],
         "url": f"{there.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"},
    ]  # fmt: skip
    if log:
        nodes.append(
            {"id": "append", "type": "file", "filename": str(log), "filenameType": "str", "appendNewline": True,
             "createDir": False, "overwriteFile": "false", "encoding": "none", "wires": [after]}
        )  # fmt: skip
    return [node if node["type"] == "tab" else {"z": "tab", "x": 100, "y": 100, **node} for node in nodes]
