"""Every page in a real browser, judged by axe: WCAG 2.2 AA, light and dark, on a desk and on a phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from audit import keys
from audit.keys import KeyWish
from model.access import Permission, Role
from tests.scale import runs
from tests.web.demo_data import a_day
from tests.web.desk_for_rules import Office
from tests.web.door import PASSWORD, Door

CHROMIUM = Path("/usr/bin/chromium")
api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: pip install playwright")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    # What the browser's own pipes leave open at the end is not ours to close.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390)]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    house = a_day(tmp_path_factory.mktemp("house"))
    door = Door.of(house, Office(house).desk)
    door.adds("kim")
    door.adds("bo", Role.SENDER)
    wish = KeyWish(name="shop", kind="test", scopes=[Permission.SEND], actor="kim")
    house.store.write(lambda tx: keys.create(tx, wish, house.now))
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    house.store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


def pages_of(page: Any, address: str) -> Iterator[str]:
    """Yield every page: those of the navigation, the first of each kind they link to, and one that is not there."""
    page.goto(f"{address}/console/")
    yield from (found := page.eval_on_selector_all("nav.side a", "all => all.map(one => one.getAttribute('href'))"))
    for start in found:
        page.goto(address + start)
        pages = "main a[href]:not([download])"
        links = page.eval_on_selector_all(pages, "all => all.map(one => one.getAttribute('href'))")
        kinds: dict[str, str] = {}
        for link in links:
            if link.startswith("/console/") and "?" not in link and "#" not in link and link not in found:
                kinds.setdefault(link.rsplit("/", 1)[0] if any(c.isdigit() for c in link) else link, link)
        yield from list(kinds.values())[:6]
    yield "/console/nowhere"


def signs_in(page: Any, address: str) -> None:
    """Sign in as an admin."""
    page.goto(f"{address}/console/")
    page.fill("#f-name", "kim")
    page.fill("#f-password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{address}/console/")


def judged(page: Any, name: str) -> dict[str, Any]:
    """What axe finds wrong with the page as it stands."""
    found = axe.Axe().run(page, options=RULES).response["violations"]
    return {f"{name} {fault['id']}": [node["target"] for node in fault["nodes"]][:3] for fault in found}


@pytest.mark.parametrize(("scheme", "width"), LOOKS[: runs(1, 3)])
def test_no_page_keeps_anybody_out(browser: Any, address: str, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{address}/console/sign-in")
    faults = judged(page, "sign in")
    signs_in(page, address)
    for path in list(dict.fromkeys(pages_of(page, address)))[: runs(8, 1_000)]:
        page.goto(address + path)
        faults |= judged(page, path)
    page.goto(f"{address}/console/account")
    page.fill("#f-password_start", PASSWORD)
    page.click("text=Set it up")
    faults |= judged(page, "second factor")
    context.close()

    assert faults == {}
