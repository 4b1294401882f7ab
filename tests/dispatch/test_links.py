"""Short links: a text holds one of the sender's domain, people follow it, programs look at it, reports tell."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from advice import advise
from audit import clicks, erasure, figures, links, retention, tallies
from audit.clicks import Clicks
from audit.report import report
from dispatch import publish
from dispatch.campaigning import Campaigns
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from dispatch.rehearse import rehearse
from inbound.examples import event_in
from inbound.links import LinkDoor
from model.event import Answer, Event
from model.links import ALPHABET, LENGTH, PLACEHOLDER
from rules.load import load
from tests.fakes.world import PHONE, World

ROOT = Path(__file__).resolve().parents[2]

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1"
CHROME = "Mozilla/5.0 (Linux; Android 15; CUBOT X90) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36"
IMESSAGE = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 "
    "Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"
)
PAY = "https://pay.shop.example/i/1001?customer=anna.berg"
RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore, links: {domain: "https://t.example", expires: 30d}}
rules:
  - id: order
    event: order.created
    to: [phone]
    text: "Order {{ number }}: {{ pay_url|short }} or {{ 'https://shop.example/help'|short }} or {{ pay_url|short }}"
    dedupe: {key: "{{ event.key }}"}
"""


class Visitors:
    """A world with a door for links; people come with a phone's browser unless a test says otherwise."""

    def __init__(self, world: World) -> None:
        self.world, self.clicks = world, Clicks()
        self.door = LinkDoor(store=world.store, clock=lambda: world.now, clicks=self.clicks)

    def follow(self, code: str, method: str = "GET", **headers: str) -> Answer:
        given = {"user-agent": SAFARI, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self.door.follow(method, code, given)
        self.clicks.flush(self.world.store)
        return answer

    def texted(self, order: str = "A7", pay_url: str = PAY) -> list[str]:
        """Let an order be texted; return the codes of the links in its text, in the order in which they stand."""
        self.world.order(order, pay_url=pay_url)
        self.world.step()
        return codes_in(self.world.phone.inbox[-1])

    def counted(self) -> list[tuple[int, int]]:
        return [(row["clicks"], row["looks"]) for row in self.world.rows("select * from links order by target")]


def codes_in(text: str) -> list[str]:
    return [word.removeprefix("https://t.example/l/") for word in text.split() if "t.example" in word]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Visitors]:
    with World(tmp_path, RULES) as world:
        yield Visitors(world)


def test_a_text_holds_short_links_that_lead_where_the_rule_says(door: Visitors) -> None:
    pay, help_, again = door.texted()

    answer = door.follow(pay)

    assert pay == again != help_
    assert len(pay) == LENGTH
    assert set(pay) <= set(ALPHABET)
    assert (answer.status, answer.headers["location"]) == (302, PAY)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert door.follow(help_ + ".").headers["location"] == "https://shop.example/help"
    assert PHONE[1:] not in door.world.phone.inbox[0]
    assert "anna" not in door.world.phone.inbox[0]


def test_the_report_says_how_many_texts_were_followed(door: Visitors) -> None:
    first, *_ = door.texted("A7")
    door.texted("A8")
    door.follow(first)
    world = door.world

    figures.refresh(world.store, world.now)
    tallies.refresh(world.store, world.now)
    total = report(world.store, world.now.replace(hour=0), world.now.replace(day=24)).total

    assert (total.total("linked"), total.total("clicked"), total.click_rate) == (2, 1, 0.5)
    with world.store.read() as tx:
        assert [(row["labels"], row["amount"]) for row in tallies.read(tx)["click"]] == [("shop", 1)]


def test_the_first_click_of_a_text_is_on_the_record_and_later_ones_count(door: Visitors) -> None:
    pay, help_, _ = door.texted()

    for seconds in (60, 3, 60):
        door.world.wait(seconds=seconds)
        door.follow(pay, user_agent=CHROME)
    door.follow(help_)

    assert door.counted() == [(2, 0), (1, 0)]
    assert door.world.journal("click") == [("click", "")]
    assert door.world.faults() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": IMESSAGE},
        {"user-agent": "WhatsApp/2.24.20.89 A"},
        {"user-agent": "TelegramBot (like TwitterBot)"},
        {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"user-agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"},
        {"user-agent": "GoogleMessages"},
        {"user-agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5"},
        {"user-agent": "Dalvik/2.1.0 (Linux; U; Android 14)"},
        {"user-agent": "python-requests/2.32"},
        {"user-agent": "Go-http-client/1.1"},
        {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/131.0.0.0 Safari/537.36"},
        {"user-agent": ""},
        {"user-agent": SAFARI, "sec-purpose": "prefetch;prerender"},
        {"user-agent": SAFARI, "purpose": "prefetch"},
        {"user-agent": SAFARI, "x-purpose": "preview"},
        {"user-agent": SAFARI, "x-moz": "prefetch"},
    ],
    ids=lambda headers: " ".join(headers.values())[:40] or "no name",
)
def test_programs_that_look_ahead_are_led_on_and_not_counted(door: Visitors, headers: Mapping[str, str]) -> None:
    code, *_ = door.texted()

    answer = door.door.follow("GET", code, headers)
    door.clicks.flush(door.world.store)

    assert answer.status == 302
    assert door.counted()[1] == (0, 0) or door.counted()[0] == (0, 1)
    assert sum(people for people, _ in door.counted()) == 0
    assert door.world.journal("click") == []


def test_two_visits_are_one_when_less_than_ten_seconds_lie_between_them(door: Visitors) -> None:
    pay, *_ = door.texted()
    door.follow(pay, user_agent=CHROME)

    door.world.wait(seconds=9)
    door.follow(pay, user_agent=CHROME)
    assert door.counted()[0] == (1, 0)

    door.world.wait(seconds=1)
    door.follow(pay, user_agent=CHROME)
    assert door.counted()[0] == (2, 0)


def test_asking_only_whether_a_link_is_there_counts_nothing(door: Visitors) -> None:
    code, *_ = door.texted()

    assert door.follow(code, "HEAD").headers["location"] == PAY
    assert door.follow(code, "POST").status == 405
    assert door.counted() == [(0, 0), (0, 0)]


def test_a_link_ends_after_its_time_and_its_target_is_forgotten(door: Visitors) -> None:
    code, *_ = door.texted()

    door.world.wait(days=29, hours=23)
    assert door.follow(code).status == 302
    door.world.wait(hours=1)
    answer = door.follow(code)
    forgotten = links.expire(door.world.store, door.world.now)

    assert (answer.status, "This link has ended" in answer.body, forgotten) == (410, True, 2)
    assert "abgelaufen" in door.follow(code, accept_language="de-DE,de;q=0.9").body
    assert [row["target"] for row in door.world.rows("select target from links")] == ["", ""]
    assert [row["clicked_at"] is not None for row in door.world.rows("select clicked_at from messages")] == [True]


@pytest.mark.parametrize(
    "code", ["", "x", PLACEHOLDER, "../../etc/passwd", "a" * 5_000, "%0d%0aSet-Cookie:x", "0OIl" * 3]
)
def test_a_link_nobody_made_leads_nowhere(door: Visitors, code: str) -> None:
    door.texted()

    answer = door.follow(code)

    assert (answer.status, "location" in answer.headers) == (404, False)
    assert door.counted() == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("javascript:alert(1)", "begins with https://"),
        ("data:text/html,x", "begins with https://"),
        ("//evil.example/x", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://shop.example/x\r\nSet-Cookie: a=b", "control character"),
        ("https://shop.example\\@evil.example/", "backslash"),
        ("https://shop.example@evil.example/", "names a user"),
        ("https://t.example/l/abc", "must not lead to t.example"),
        ("https://T.EXAMPLE./l/abc", "must not lead to t.example"),
        ("https://%74.example/", "could be a host"),
        ("https://shop.example:99999/", "no address"),
        ("https://shop.example/" + "a" * 2_000, "longer than 1,900"),
    ],
)
def test_an_address_that_could_mislead_is_not_texted(door: Visitors, address: str, why: str) -> None:
    door.world.order("A7", pay_url=address)
    door.world.step()

    assert door.world.phone.inbox == []
    assert door.world.reasons == ["render_error"]
    (told,) = door.world.rows("select gates from traces")
    assert why in told["gates"]
    assert "evil" not in told["gates"]


def test_a_target_is_kept_in_ascii(door: Visitors) -> None:
    code, *_ = door.texted(pay_url="https://bücher.example/größe?q=ä b".replace(" ", "+"))

    assert door.follow(code).headers["location"] == "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe?q=%C3%A4+b"


def test_links_may_be_kept_to_a_list_of_hosts(door: Visitors) -> None:
    door.world.rules(RULES.replace("expires: 30d", "hosts: [shop.example]"))

    door.world.order("A1", pay_url="https://notshop.example/x")
    door.world.order("A2", pay_url="https://pay.shop.example/x")
    door.world.step()

    assert [text[:8] for text in door.world.phone.inbox] == ["Order A2"]


def test_a_preview_is_as_long_as_the_text_that_leaves(door: Visitors) -> None:
    door.texted()
    made = door.world.message()
    event = Event(
        source="shop", type="order.created", native_type="", id="1", key="A7", occurred_at=door.world.now,
        data={"number": "A7", "phone": PHONE, "pay_url": PAY},
    )  # fmt: skip
    moment = Moment(event_id="e", now=door.world.now, new_id=lambda: "m")

    (seen,) = plan(door.world.worker.book, event, MemoryFacts(), moment).messages

    assert codes_in(seen.text)[0] == PLACEHOLDER
    assert (len(seen.text), seen.segments, seen.encoding) == (len(made["text"]), made["segments"], made["encoding"])


def test_the_link_of_a_preview_cannot_be_saved(door: Visitors) -> None:
    event = Event(
        source="shop", type="order.created", native_type="", id="1", key="A7", occurred_at=door.world.now,
        data={"number": "A7", "phone": PHONE, "pay_url": PAY},
    )  # fmt: skip
    made = plan(
        door.world.worker.book, event, MemoryFacts(), Moment(event_id="e", now=door.world.now, new_id=lambda: "m")
    )

    with pytest.raises(ValueError, match="link of a preview"):
        door.world.store.write(lambda tx: links.save(tx, made.messages[0]))


def test_what_is_not_kept_is_in_no_link(door: Visitors) -> None:
    door.world.rules(RULES.replace("to: [phone]", "to: [phone]\n    redact: [token]"))

    door.world.order("A7", token="s3cr3t-t0ken", pay_url="https://shop.example/?t=s3cr3t-t0ken")
    door.world.step()

    assert door.world.reasons == ["render_error"]
    assert door.world.rows("select * from links") == []


def test_a_text_with_a_code_has_no_short_link(door: Visitors) -> None:
    door.world.rules(RULES.replace("order.created", "verification.requested"))

    door.world.hears("verification.requested", {"phone": PHONE, "code": "482913", "number": "1", "pay_url": PAY})
    door.world.step()

    assert door.world.reasons == ["render_error"]


def test_a_rule_without_a_domain_makes_no_links(door: Visitors) -> None:
    door.world.rules(RULES.replace(', links: {domain: "https://t.example", expires: 30d}', ""))

    door.world.order("A7", pay_url=PAY)
    door.world.step()

    assert door.world.reasons == ["render_error"]


def test_a_text_written_anew_keeps_the_links_that_stay(door: Visitors, tmp_path: Path) -> None:
    door.world.order("A7", pay_url=PAY)
    door.world.plan()
    before, after = codes_in(door.world.message()["text"]), RULES.replace("Order {{", "Your order {{")
    book = door.world.worker.book
    new = tmp_path / "new"
    new.mkdir()

    publish.publish(
        door.world.store, book, {"rules.yaml": after}, new / "rules.yaml", actor="Mara", note="", pending="re-render",
        now=door.world.now,
    )  # fmt: skip

    text = door.world.message()["text"]
    assert text.startswith("Your order")
    assert codes_in(text) == before


def test_a_test_send_of_a_campaign_has_links_that_lead_on(tmp_path: Path) -> None:
    with World(tmp_path, CAMPAIGN) as world:
        door, campaigns = Visitors(world), campaigns_of(world)
        campaign = prepared(campaigns, world)

        campaigns.try_out(campaign, PHONE, "Mara", world.now, variant="friendly")
        world.step()
        (code,) = codes_in(world.phone.inbox[0])

        assert door.follow(code).headers["location"] == "https://shop.example/sale"
        assert campaigns.report(campaign, world.now).total.clicked == 0


def test_asking_the_source_again_leaves_the_links_as_they_are(door: Visitors) -> None:
    door.world.rules(RULES.replace("to: [phone]", "to: [phone]\n    recheck: {still: ['number != \"\"']}"))
    door.world.order("A7", pay_url=PAY)
    door.world.plan()
    before = door.world.message()["text"]
    door.world.worker.ask = lambda event: event

    door.world.worker.recheck_due(door.world.now)
    door.world.step()

    assert door.world.phone.inbox == [before]
    assert door.world.journal("operator") == []
    assert len(door.world.rows("select * from links")) == 2


def test_a_source_that_changed_its_address_gives_the_text_a_new_link(door: Visitors) -> None:
    door.world.rules(RULES.replace("to: [phone]", "to: [phone]\n    recheck: {still: ['number != \"\"']}"))
    door.world.order("A7", pay_url=PAY)
    door.world.plan()
    door.world.worker.ask = lambda event: replace(event, data={**event.data, "pay_url": "https://pay.shop.example/2"})

    door.world.worker.recheck_due(door.world.now)
    door.world.step()
    code, *_ = codes_in(door.world.phone.inbox[0])

    assert door.follow(code).headers["location"] == "https://pay.shop.example/2"


def test_who_asks_what_is_known_is_told_of_links_too(door: Visitors) -> None:
    code, *_ = door.texted()
    door.follow(code)

    told = erasure.everything_about(door.world.store, PHONE)

    assert [(one["target"], one["clicks"]) for one in told["links"] if one["clicks"]] == [(PAY, 1)]


def test_after_erasure_no_byte_tells_where_a_link_led(door: Visitors) -> None:
    code, *_ = door.texted()
    door.follow(code)
    world = door.world

    erasure.erase(world.store, PHONE, "Mara", "a letter", world.now)

    world.store.checkpoint()
    kept = b"".join(path.read_bytes() for path in world.folder.glob("world.db*"))
    assert b"anna.berg" not in kept
    assert b"pay.shop.example" not in kept
    assert door.follow(code).status == 410


def test_targets_go_with_the_texts_and_links_with_their_messages(door: Visitors) -> None:
    code, *_ = door.texted()
    world = door.world
    world.wait(days=10)

    retention.purge(world.store, retention.Retention(texts=timedelta(days=5)), world.now)
    assert door.follow(code).status == 410
    retention.purge(world.store, retention.Retention(journal=timedelta(days=5)), world.now)

    assert world.rows("select * from messages where state = 'accepted'") == []
    assert world.rows("select * from links") == []
    assert door.follow(code).status == 404


def test_a_flood_of_clicks_writes_one_row_a_link_at_a_time(door: Visitors) -> None:
    code, *_ = door.texted()
    changes = door.world.rows("select max(id) as n from journal")[0]["n"]

    for _ in range(2_000):
        door.door.follow("GET", code, {"user-agent": SAFARI})
    written = door.clicks.flush(door.world.store)

    assert written == 1
    assert door.counted() == [(1, 0), (0, 0)]
    assert door.world.rows("select max(id) as n from journal")[0]["n"] == changes + 1


def test_links_that_wait_to_be_written_are_bounded(door: Visitors) -> None:
    for number in range(clicks.MOST + 5):
        door.clicks.note(f"{number}", door.world.now, by_program=False)

    assert door.clicks.flush(door.world.store) == clicks.MOST


def test_the_rules_of_the_page_on_links_hold(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "links.md").read_text("utf-8"), re.DOTALL)
    path = tmp_path / "rules.yaml"
    path.write_text(block, "utf-8")

    book = load(path)

    assert [one.wrong for one in rehearse(book, event_in)] == [()]
    assert [str(problem) for problem in advise(book) if problem.level == "error"] == []


CAMPAIGN = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore, links: {domain: "https://t.example"}}
rules:
  - id: sale
    campaign:
      audience: {from: lists/sale.csv}
      start: 2026-11-23T12:00:00+01:00
      stop: 2026-11-23T20:00:00+01:00
      approve: 1
      variants: {plain: 50, friendly: 50}
    to: [phone]
    text:
      plain: "20% off: {{ ('https://shop.example/?p=' ~ first_name)|short }} STOP to opt out"
      friendly: "Hello {{ first_name }}: {{ 'https://shop.example/sale'|short }} STOP to opt out"
"""


def campaigns_of(world: World) -> Campaigns:
    return Campaigns(store=world.store, book=lambda: world.worker.book, new_id=world.ids)


def prepared(campaigns: Campaigns, world: World) -> str:
    rows = "\r\n".join(["phone,first_name", *(f"0171 39200{n:02d},Person{n}" for n in range(20))])
    listed = campaigns.read_list(io.BytesIO(rows.encode()), "sale.csv", "sale", "Mara", world.now)
    return campaigns.prepare("sale", listed, "Olu", world.now)


def test_each_variant_of_a_campaign_tells_how_many_of_its_links_were_followed(tmp_path: Path) -> None:
    with World(tmp_path, CAMPAIGN) as world:
        door = Visitors(world)
        campaigns = campaigns_of(world)
        campaign = prepared(campaigns, world)
        campaigns.approve(campaign, "Mara", world.now)
        seen = campaigns.preview(campaign, world.now)
        campaigns.start(campaign, "Mara", world.now)
        for _ in range(5):
            campaigns.step(world.now)
            world.step()
            world.wait(seconds=1)
        texts = {text: codes_in(text)[0] for text in world.phone.inbox}
        friendly = [code for text, code in texts.items() if text.startswith("Hello")]

        for code in friendly[:3]:
            door.follow(code)

        found = campaigns.report(campaign, world.now)
        by_variant = {line.variant: (line.linked, line.clicked) for line in found.variants}
        assert len(set(texts.values())) == 20
        assert by_variant == {"plain": (20 - len(friendly), 0), "friendly": (len(friendly), 3)}
        assert (found.total.linked, found.total.clicked) == (20, 3)
        assert all(PLACEHOLDER in one.text for one in seen.wordings)
        assert seen.segments == found.total.segments
