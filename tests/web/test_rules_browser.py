"""A changed rule in a real browser: a mistake, its line, the mended text on the phone, in force, on record."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.web.desk_for_rules import Office
from tests.web.house import RULES, House

CHROMIUM = Path("/usr/bin/chromium")
api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: pip install playwright")
pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no browser at {CHROMIUM}"),
    # What the browser's own pipes leave open at the end is not ours to close.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

BESIDE = """() => {
  const text = document.querySelector("#source"), style = getComputedStyle(text);
  const line = text.getBoundingClientRect().top + parseFloat(style.paddingTop) + 10.5 * parseFloat(style.lineHeight);
  const number = document.querySelector("#L11").getBoundingClientRect();
  return Math.abs((number.top + number.bottom) / 2 - line);
}"""
"""How many pixels the number of line 11 stands above or below its line."""


@pytest.fixture
def address(house: House) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, Office(house).app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/console/rules"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def browser() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield opened
        opened.close()


def test_a_rule_is_changed_from_the_first_mistake_to_the_history(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Security" in said.text else None)
    page.goto(f"{address}/edit")

    page.fill("#source", RULES.replace("total > 100", "total >> 100").replace("ist bestätigt", "ist unterwegs"))
    problem = page.locator(".problems li").first
    problem.wait_for()
    assert "11:9 A condition compares" in problem.inner_text().replace("\n", " ")
    assert page.locator("#L11.bad").is_visible()

    problem.locator("a").click()
    page.wait_for_function("document.activeElement.id === 'source'")
    assert page.evaluate("source.value.slice(source.selectionStart).startsWith('      - total >>')")

    page.fill("#source", RULES.replace("ist bestätigt", "ist unterwegs"))
    page.locator(".told").wait_for()
    assert page.locator(".problems").count() == 0

    page.select_option("#f-sample", "shopify/orders-create.json")
    page.click("button:has-text('Preview')")
    assert "ist unterwegs." in page.locator(".handset .bubble").inner_text()

    page.fill("#f-who", "Mara")
    page.fill("#f-note", "the parcel has left")
    page.click("button:has-text('Publish')")
    page.wait_for_url("**/history?*")
    assert page.locator("h1").inner_text() == "Version 2 is in force."
    row = page.locator("tbody tr").first.inner_text()
    assert "Mara" in row
    assert "the parcel has left" in row
    assert "Changed order-confirmed." in row
    assert complaints == []


def test_without_javascript_the_same_way_is_open(browser: Any, address: str) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/edit")

    page.fill("#source", RULES.replace("total > 100", "total >> 100"))
    page.click("button:has-text('Check')")
    page.click(".problems a")
    assert page.url.endswith("#L11")
    assert page.evaluate(BESIDE) < 2
    page.fill("#source", RULES + "# mended\n")
    page.fill("#f-who", "Mara")
    page.fill("#f-note", "mended")
    page.click("button:has-text('Publish')")

    assert page.locator("h1").inner_text() == "Version 2 is in force."


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_runs_out_of_the_page(browser: Any, address: str, scheme: str) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme).new_page()

    def wide(where: str) -> None:
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, where

    for path in ("", "/edit", "/history", "/history/1"):
        page.goto(address + path)
        wide(path)
    page.goto(f"{address}/edit")
    page.select_option("#f-sample", "shopify/orders-create.json")
    for button in ("Check", "Preview", "Compare", "Publish"):
        page.locator("button", has_text=button).last.click()
        page.wait_for_load_state()
        wide(button)
