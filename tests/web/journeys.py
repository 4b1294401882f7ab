"""The main journeys through the console, each walked in a real browser by whoever calls it.

A journey stops at its moments and says their name: the tests let axe judge the page there, `docs.screenshots` takes
the picture that stands in the documentation. So what the pictures show is what the tests walked through.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from model.access import Role
from tests.web import guests
from tests.web.codes_asked import asked_for_codes
from tests.web.demo_data import a_day
from tests.web.desk_for_rules import Office
from tests.web.door import PASSWORD, Door
from tests.web.house import RULES, House
from web import totp

UNWANTED = "Hi, one more question: do you also repair bicycles?"
CHANGED = RULES.replace("ist bestätigt.", "ist bestätigt. Wir melden uns, wenn sie unterwegs ist.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A browser's page, where the console is, and what to do at each moment worth a picture."""

    page: Any
    address: str
    house: House
    door: Door
    seen: Callable[[Any, str], object]

    def see(self, moment: str) -> None:
        """Stop at a moment worth a look."""
        self.seen(self.page, moment)

    def of_somebody_else(self, name: str) -> Walk:
        """A walk of another person, signed in in a browser of their own."""
        page = self.page.context.browser.new_context(viewport=self.page.viewport_size).new_page()
        signs_in(page, self.address, name)
        return replace(self, page=page)

    def open(self, path: str) -> None:
        """Go to a page of the console."""
        self.page.goto(f"{self.address}/console{path}")

    def press(self, words: str) -> None:
        """Press the first button of these words, and wait for the page that comes of it."""
        with self.page.expect_navigation():
            self.page.locator("main button", has_text=words).first.click()

    def follow(self, words: str) -> None:
        """Follow the first link of these words."""
        with self.page.expect_navigation():
            self.page.locator("main a", has_text=words).first.click()

    def search(self, words: str) -> None:
        """Type into the search box at the top, reached by its key."""
        self.page.keyboard.press("/")
        self.page.keyboard.type(words)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    @property
    def headline(self) -> str:
        """The first thing the page says."""
        return str(self.page.locator("h1").inner_text())

    @property
    def words(self) -> str:
        """Everything the page says."""
        return str(self.page.locator("main").inner_text())


def comes_in(walk: Walk) -> None:
    """Set up a second factor, and sign in with a password and the code of an app."""
    walk = walk.of_somebody_else("bo")
    walk.open("/account")
    walk.page.fill("#f-password_start", PASSWORD)
    walk.press("Set it up")
    secret = walk.page.locator("code.once").inner_text().replace(" ", "")
    walk.page.fill("#f-code", totp.code(secret, totp.step_of(walk.house.now)))
    walk.press("Use it from now on")
    walk.page.locator("nav.side button").click()
    walk.page.fill("#f-name", "bo")
    walk.page.fill("#f-password", PASSWORD)
    walk.press("Sign in")
    assert walk.page.locator("#f-code").is_visible()
    walk.see("sign-in")
    walk.page.context.close()


def sees_what_needs_a_person(walk: Walk) -> None:
    """Open the first page and follow what waits longest to the list behind it."""
    walk.open("/")
    assert walk.headline == "Needs a person"
    walk.see("home")
    walk.page.locator(".concerns a", has_text="not be read").click()
    walk.page.wait_for_load_state()
    assert walk.page.locator("tbody tr").count() == 1


def asks_why_there_was_no_text(walk: Walk) -> None:
    """Type an order's number; the page answers in a sentence, and shows the condition that decided."""
    walk.open("/")
    walk.search("#1004")
    assert walk.headline == "Order 1004 from shop: no text. Rule order-confirmed, line 11: total is 80, needs > 100"
    assert "total" in walk.page.locator("li.bad").first.inner_text()
    walk.see("no-text")


def follows_a_phone(walk: Walk) -> None:
    """Type a phone number as a caller says it; see all that was sent to it, as a story, and take it along."""
    walk.open("/audit")
    walk.see("audit")
    walk.search("0171 39200 12")
    assert walk.page.locator("tbody tr").count() > 1
    with walk.page.expect_download() as found:
        walk.page.locator("main a[download]", has_text="CSV").click()
    assert Path(found.value.path()).read_text("utf-8").count("\n") > 1
    walk.follow("as one story")
    assert walk.page.locator(".timeline .step").count() > 2
    walk.see("story")
    walk.follow("shipment.updated")
    assert "delivered in" in walk.headline
    walk.see("event")


def changes_a_rule(walk: Walk) -> None:
    """Change a text, mend the mistake at its line, preview it on a phone, put it in force."""
    walk.open("/rules/edit")
    walk.page.fill("#source", CHANGED.replace("total > 100", "total >> 100"))
    walk.page.locator(".problems li").first.wait_for()
    walk.see("rule-mistake")
    walk.page.fill("#source", CHANGED)
    walk.page.locator(".told").wait_for()
    walk.page.select_option("#f-sample", "shopify/orders-create.json")
    walk.press("Preview")
    assert "Wir melden uns" in walk.page.locator(".handset .bubble").inner_text()
    walk.see("rule-preview")
    walk.page.fill("#f-note", "say what comes next")
    walk.press("Publish")
    assert walk.headline == "Version 2 is in force."
    walk.see("rule-history")


def plans_events_again(walk: Walk) -> None:
    """See what a replay would send before anything is sent, then replay."""
    walk.open("/replay")
    walk.page.fill("#f-source", "shop")
    walk.page.fill("#f-since", f"{walk.house.now:%Y-%m-%dT%H:%M}"[:-5] + "00:00")
    walk.press("See what would be sent")
    assert "Replay" in walk.headline
    walk.see("replay")
    walk.press("Replay")
    assert "planned again" in walk.headline


def sends_one_text(walk: Walk) -> None:
    """Write a text by hand, see its size, cost and the time at the other end, and send it."""
    walk.open("/send")
    walk.page.fill("#f-number", "0171 3920044")
    walk.page.fill("#f-region", "DE")
    walk.page.fill("#f-text", "Your umbrella is still at our desk. We keep it until Friday.")
    walk.page.fill("#f-reason", "left in the shop")
    walk.press("Preview")
    assert "1 segment" in walk.words
    walk.see("send")
    walk.press("Send it")
    walk.house.works()
    walk.page.reload()
    assert "your umbrella" in walk.words.lower()
    walk.see("message")


def answers_a_customer(walk: Walk) -> None:
    """Find the reply nobody understood, and answer it in the conversation."""
    walk.house.answers("+491713920012", UNWANTED)
    walk.open("/conversations")
    with walk.page.expect_navigation():
        walk.page.locator("main tbody tr", has_text="+491713920012").locator("a").first.click()
    assert UNWANTED in walk.words
    walk.page.fill("#f-text", "We do. Bring it along on Tuesday after nine.")
    walk.press("Count segments")
    walk.see("conversation")
    walk.press("Send the answer")
    assert "Bring it along on Tuesday" in walk.words


def writes_down_a_wish(walk: Walk) -> None:
    """Somebody calls and wants no more texts: written down, with how it is known."""
    walk.open("/consent")
    walk.page.fill("#f-number", "+44 7700 900123")
    walk.press("Show")
    walk.page.check("#f-status")
    walk.page.fill("#f-wording", "said so on the phone")
    walk.press("Write it down")
    assert "wants none" in walk.words
    walk.see("consent")


def keeps_away_from_a_gateway(walk: Walk) -> None:
    """Pause a gateway, see that the page says so, and let it go on."""
    walk.open("/gateways")
    walk.follow("console")
    walk.page.fill("#f-reason", "the provider works on its lines")
    walk.press("Pause")
    walk.open("/gateways/console")
    assert "paused by kim" in walk.headline
    walk.see("gateway")
    walk.page.fill("#f-reason", "they are done")
    walk.press("Let it go on")


def reads_what_it_achieved(walk: Walk) -> None:
    """See delivery, failures, replies and cost beside the time before, for each rule, and take the figures along."""
    walk.open("/reports")
    walk.page.select_option("#f-by", "rule")
    walk.page.select_option("#f-days", "7")
    walk.press("Show")
    assert "order-confirmed" in walk.words
    walk.see("reports")
    with walk.page.expect_download() as found:
        walk.page.locator("main a", has_text="As CSV").click()
    assert "order-confirmed" in Path(found.value.path()).read_text("utf-8")


def makes_a_campaign(walk: Walk) -> None:
    """Bring a file, say what its columns are, see which rows cannot be texted, and preview what would be sent."""
    guests.opt_in(walk.house)
    walk.open("/campaigns")
    walk.follow("Bring a list")
    file = {"name": "guests.csv", "mimeType": "text/csv", "buffer": guests.guests()}
    walk.page.set_input_files("#f-file", files=[file])
    walk.press("Look at its columns")
    assert walk.headline == "Which column of guests.csv holds the phone?"
    assert walk.page.get_by_label("Handynummer holds the phone").is_checked()
    walk.see("campaign-columns")
    walk.press("Read the list")
    assert "60 people are on guests.csv, 2 rows cannot be texted" in walk.headline
    walk.see("campaign-list")
    walk.follow("Make a campaign of it")
    walk.press("Make it and preview")
    assert "would send 59 texts to 60 people" in walk.headline
    walk.see("campaign-preview")


def approves_and_runs_a_campaign(walk: Walk) -> None:
    """A second person approves what kim made; it runs, is paused, goes on, and is reported on."""
    house = walk.house
    guests.opt_in(house, 20, 64)
    campaign = guests.campaign_of(house, "kim", guests.guests(20, 64))
    walk.open(f"/campaigns/{campaign}")
    assert "You made this campaign, so somebody else has to look at it" in walk.words
    second = walk.of_somebody_else("mara")
    second.open(f"/campaigns/{campaign}/approve")
    assert "64 people on its list may be texted once it is started" in second.words
    second.see("campaign-approve")
    second.press("Approve")
    second.page.context.close()
    walk.open(f"/campaigns/{campaign}/start")
    walk.press("Start")
    guests.runs(house, 4)
    walk.open(f"/campaigns/{campaign}")
    assert "is running" in walk.headline
    walk.see("campaign-running")
    walk.open(f"/campaigns/{campaign}/pause")
    walk.press("Pause")
    assert "is paused" in walk.headline
    walk.open(f"/campaigns/{campaign}/start")
    walk.press("Start")
    guests.runs(house, 8)
    house.answers("+491713920031", "Gern, bis Freitag!")
    guests.arrive(house, campaign)
    walk.open(f"/campaigns/{campaign}")
    assert "is done" in walk.headline
    walk.see("campaign-report")
    with walk.page.expect_download() as found:
        walk.page.locator("main a[download]", has_text="CSV").click()
    assert "friendly" in Path(found.value.path()).read_text("utf-8")
    walk.open("/campaigns")
    walk.see("campaigns")


def decides_about_codes(walk: Walk) -> None:
    """See how codes fare, number by number and neighbour by neighbour, and keep them from a prefix."""
    asked_for_codes(walk.house)
    walk.open("/codes")
    assert "gets no more codes" in walk.headline
    walk.follow("+44770090")
    walk.page.fill("#f-reason", "numbers of a pumping operator")
    walk.press("Block")
    assert "Blocked by kim until" in walk.words
    walk.see("codes")


JOURNEYS = (
    sees_what_needs_a_person, asks_why_there_was_no_text, follows_a_phone, changes_a_rule, plans_events_again,
    sends_one_text, answers_a_customer, writes_down_a_wish, keeps_away_from_a_gateway, reads_what_it_achieved,
    makes_a_campaign, approves_and_runs_a_campaign, decides_about_codes, comes_in,
)  # fmt: skip
"""They may be walked through one house in any order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """A shop's day behind a console that is being served, and kim, who may do everything."""

    house: House
    door: Door
    address: str


@contextmanager
def premises(folder: Path) -> Iterator[Premises]:
    """Serve the pages of a day on a free port of this machine."""
    house = a_day(folder)
    desk = replace(Office(house).desk, new_id=house.new_id, on_queued=lambda: None)
    door = Door.of(house, desk)
    door.adds("kim")
    door.adds("bo", Role.SENDER)
    door.adds("mara", Role.APPROVER)
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Premises(house=house, door=door, address=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        house.store.close()


def signs_in(page: Any, address: str, name: str = "kim") -> None:
    """Sign in with a name and the password of everybody here."""
    page.goto(f"{address}/console/")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{address}/console/")
