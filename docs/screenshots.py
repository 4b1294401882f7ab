"""Make docs/images/*.png anew: the demo's day served on a free port, photographed by chromium.

Run it after a change of the pages: python -m docs.screenshots [path of chromium]. Needs chromium and the development
packages. The day is that of tests/web/demo_data.py, so every picture shows invented people and reserved numbers.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from tests.web.demo_data import a_day
from tests.web.house import House

IMAGES = Path(__file__).resolve().parent / "images"
LIMIT = 400_000
"""Bytes per picture; a README should open quickly."""

WAITED_FOR_MORNING = "select id from events where key = 'JD0146000'"


def pages(house: House) -> dict[str, tuple[str, int, int]]:
    """Name each picture: the page it shows and the size of the window."""
    with house.store.read() as tx:
        parcel = tx.execute(WAITED_FOR_MORNING).fetchone()["id"]
    return {
        "audit.png": ("/console/audit", 1280, 800),
        "event.png": (f"/console/events/{parcel}", 1280, 880),
    }


@contextmanager
def served(house: House) -> Iterator[str]:
    """Serve the pages on a free port of this machine; give the address."""
    server = make_server("127.0.0.1", 0, house.app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def photograph(chromium: str, address: str, path: Path, width: int, height: int) -> None:
    """Save what a browser window of this size shows."""
    with tempfile.TemporaryDirectory() as profile:
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en-GB",
            f"--user-data-dir={profile}", f"--window-size={width},{height}", "--virtual-time-budget=3000",
            f"--screenshot={path}", address,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - the browser named by the caller
    if path.stat().st_size > LIMIT:
        raise SystemExit(f"{path.name} has {path.stat().st_size:,} bytes, more than {LIMIT:,}.")


def main() -> None:
    """Make every picture."""
    chromium = sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        raise SystemExit("Name the path of chromium.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        house = a_day(Path(folder))
        with served(house) as address:
            for name, (page, width, height) in pages(house).items():
                photograph(chromium, address + page, IMAGES / name, width, height)
                sys.stdout.write(f"{name}  {(IMAGES / name).stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
