"""Make docs/images/*.png anew: the main journeys walked in chromium, a picture at each of their moments.

Run it after a change of the pages: python -m docs.screenshots [path of chromium]. Needs chromium and the development
packages. The journeys are those of tests/web/journeys.py, through the day of tests/web/demo_data.py, so every picture
shows invented people and reserved numbers, and a page that a test has walked through.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).resolve().parent / "images"
LIMIT = 400_000
"""Bytes per picture; a README should open quickly."""
SIZE: Any = {"width": 1280, "height": 860}


def photograph(page: Any, moment: str) -> None:
    """Save what the browser shows, from its top."""
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    path = IMAGES / f"{moment}.png"
    page.screenshot(path=path, animations="disabled")
    size = path.stat().st_size
    if size > LIMIT:
        raise SystemExit(f"{path.name} has {size:,} bytes, more than {LIMIT:,}.")
    sys.stdout.write(f"{path.name}  {size:,} bytes\n")


def main() -> None:
    """Walk every journey and make every picture."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the tests import this module for its folder

    from tests.web.journeys import JOURNEYS, Walk, premises, signs_in  # noqa: PLC0415

    chromium = sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        raise SystemExit("Name the path of chromium.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, premises(Path(folder)) as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--lang=en-GB"])
        page = browser.new_context(viewport=SIZE, locale="en-GB").new_page()
        signs_in(page, place.address)
        for journey in JOURNEYS:
            journey(Walk(page=page, address=place.address, house=place.house, door=place.door, seen=photograph))
        browser.close()


if __name__ == "__main__":
    main()
