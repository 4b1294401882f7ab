"""What people see on each page, for the life of an event and of a text."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from audit import messages, plans
from dispatch.route import Mode
from model.message import State
from model.reasons import Because
from tests.web.house import House
from web.access import for_all

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def text(client: FlaskClient, path: str) -> str:
    """The page as a person reads it: no tags, single spaces."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    plain = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", html.unescape(plain))


def heading(client: FlaskClient, path: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", client.get(path).get_data(as_text=True), re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def test_a_delivered_order_says_so_in_its_first_sentence(house: House) -> None:
    event_id = house.delivered("1001")

    assert heading(house.client(), f"/console/events/{event_id}") == (
        "Order 1001 from shop: text sent to +49••••••••12, delivered in 3.2 s"
    )


def test_an_order_without_a_text_says_which_line_decided_and_shows_it(house: House) -> None:
    event_id = house.order("1002", 80)

    page = text(house.client(), f"/console/events/{event_id}")

    assert heading(house.client(), f"/console/events/{event_id}") == (
        "Order 1002 from shop: no text. Rule order-confirmed, line 11: total is 80, needs > 100"
    )
    assert "rules.yaml:11 - total > 100" in page
    assert "3 checks passed, 1 did not" in page


def test_a_text_held_back_at_night_says_what_it_waited_for(house: House) -> None:
    house.now = house.now.replace(hour=22, minute=10)
    event_id = house.comes(
        "shipment.updated", {"tracking_number": "JD1", "recipient": {"phone": "+491713920012"}}, key="JD1"
    )
    house.works()
    waiting = text(house.client(), f"/console/events/{event_id}")
    house.passes(hours=8, minutes=50)

    page = text(house.client(), f"/console/events/{event_id}")

    assert "waits until 07:00 UTC on 24 November 2026" in waiting
    assert "waited 8 h 50 min for the end of 21:00-08:00 in Europe/Berlin" in page
    assert "Tue 24 Nov" in page


def test_every_step_of_a_text_is_in_the_timeline_in_order(house: House) -> None:
    event_id = house.comes("order.created", {}, transport="same")
    house.comes("order.created", {}, transport="same")
    event_id = house.delivered("1003", phone="+491713920012")
    house.now += timedelta(minutes=5)
    house.answers("+491713920012", "Danke, bis morgen")

    page = text(house.client(), f"/console/events/{event_id}")

    told = (
        "Received from shop", "Rule order-confirmed: a text", "Attempt 1: handed to console", "console took it",
        "console reports: taken by the carrier", "console reports: delivered", "waited 5 min 0 s for the answer",
        "Reply from the phone", "Danke, bis morgen",
    )  # fmt: skip
    places = [page.find(words.replace(" 0 s", "")) for words in told]
    assert -1 not in places
    assert places == sorted(places)


def test_a_redelivery_is_noted_on_the_event_that_came_first(house: House) -> None:
    event_id = house.comes("order.created", {}, transport="same")
    assert house.comes("order.created", {}, transport="same") == ""

    assert "Received again" in text(house.client(), f"/console/events/{event_id}")


def test_unreadable_and_failed_events_need_a_person_and_say_why(house: House) -> None:
    unread = house.unreadable()
    broken = house.comes("order.created", {"number": "#7"})
    house.store.write(lambda tx: plans.mark_failed(tx, broken, "KeyError: 'x'", house.now))
    client = house.client()

    assert heading(client, f"/console/events/{unread}").startswith("Not readable: a genuine request from shop was kept")
    assert heading(client, f"/console/events/{broken}") == (
        "Order 7 from shop: planning failed, and no text was sent. KeyError: 'x'"
    )
    page = client.get("/console/").get_data(as_text=True)
    assert "1 event could not be read" in page
    assert 'href="/console/events?state=failed"' in page
    assert unread in client.get("/console/events?state=unreadable").get_data(as_text=True)
    assert broken not in client.get("/console/events?state=unreadable").get_data(as_text=True)


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        ("+14155550190", "Text to +1••••••••90 refused by console. This number cannot be reached; the message ends."),
        ("+14155550193", "Nobody knows whether console took the text to +1••••••••93; it was not repeated"),
        ("+14155550192", "Text to +1••••••••92 waits for attempt 2: console said no. Slow this gateway down"),
        ("+14155550195", "Text to +1••••••••95 taken by console, no receipt yet"),
    ],
)
def test_each_answer_of_a_gateway_is_said_in_words(house: House, phone: str, said: str) -> None:
    event_id = house.order("1", phone=phone)

    assert heading(house.client(), f"/console/messages/{house.text_of(event_id)}").startswith(said)


def test_a_message_page_shows_the_text_its_attempts_and_its_reply(house: House) -> None:
    event_id = house.delivered("1001", phone="+491713920012")
    house.answers("+491713920012", "Danke!")

    page = text(house.client(), f"/console/messages/{house.text_of(event_id)}")

    assert "Hi Anna, order #1001 for €149.90 is confirmed." in page
    assert "1 segment, GSM-7" in page
    assert "console took it" in page
    assert "Danke!" in page


def test_a_dropped_text_says_what_dropped_it(house: House) -> None:
    house.mode = Mode()
    event_id = house.comes(
        "appointment.booked",
        {
            "appointment_id": "A1",
            "starts_at": (house.now + timedelta(days=3)).isoformat(),
            "customer": {"phone": "+491713920012"},
        },
        key="A1",
    )
    house.works()
    message_id = house.text_of(event_id)
    house.store.write(lambda tx: messages.end(tx, message_id, State.CANCELLED, Because.PAUSED, house.now, "mara"))

    page = text(house.client(), f"/console/events/{event_id}")

    assert "dropped before it left. Sending is paused." in page
    assert "By mara." in page


def test_a_code_is_shown_nowhere(house: House) -> None:
    event_id = house.comes("verification.requested", {"phone": "+491713920012", "code": "481516"})
    client = house.client()
    before = client.get(f"/console/events/{event_id}").get_data(as_text=True)
    house.works()

    after = client.get(f"/console/events/{event_id}").get_data(as_text=True)
    message = client.get(f"/console/messages/{house.text_of(event_id)}").get_data(as_text=True)

    assert "481516" not in before + after + message
    assert "Your code is ******." in message


def test_full_numbers_appear_in_no_list_and_no_heading(house: House) -> None:
    event_id = house.delivered("1001", phone="+491713920012")
    client = house.client()

    for path in ("", "audit", "messages", "events", f"messages/{house.text_of(event_id)}"):
        assert "1713920012" not in client.get(f"/console/{path}").get_data(as_text=True), path
    assert "3920012" not in heading(client, f"/console/events/{event_id}")


def test_home_compares_today_with_the_same_stretch_a_week_ago(house: House) -> None:
    today = house.now
    house.now = today - timedelta(days=7, hours=1)
    house.delivered("1")
    house.now = today - timedelta(days=7) + timedelta(hours=1)
    house.delivered("2")
    house.now = today - timedelta(hours=1)
    house.delivered("3")
    house.delivered("4")
    house.order("5", 80)
    house.now = today

    page = text(house.client(), "/console/")

    assert "Sent 2 last Monday 1" in page
    assert "Delivered 100.0% last Monday 100.0% 2 texts; final receipts for 100% of those sent" in page
    assert "Skipped 1 last Monday 0" in page
    assert "Nothing needs a person" in page


def test_each_concern_leads_to_exactly_its_rows(house: House) -> None:
    house.order("1", phone="call my office")
    house.order("2", phone="+14155550193")
    house.order("3")
    house.notices.append("The rules file was not loaded: line 3.")
    client = house.client()

    page = client.get("/console/").get_data(as_text=True)

    links = [html.unescape(link) for link in re.findall(r'class="row" href="([^"]+)"', page)]
    assert len(links) == 2
    for link in links:
        assert client.get(link).get_data(as_text=True).count("<tr data-row") == 1, link
    assert "The rules file was not loaded: line 3." in page


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode(), "Sink: nothing leaves this machine"),
        (Mode(name="live"), "Live: texts reach people"),
        (Mode(name="allowlist", allowed=frozenset({"+491"})), "Allowlist: nothing leaves except to 1 number"),
        (Mode(name="redirect", redirect_to="+491713920012"), "Redirect: nothing leaves except to +49••••••••12"),
    ],
)
def test_the_mode_is_said_on_every_page(house: House, mode: Mode, words: str) -> None:
    house.mode = mode
    client = house.client()

    for path in ("/console/", "/console/audit", "/console/events", "/console/messages"):
        assert words in text(client, path)


def test_nothing_from_outside_is_ever_markup(house: House) -> None:
    house.worker.mode = Mode()
    event_id = house.order(
        XSS, name=XSS, key=XSS, source=XSS, native=XSS, transport=XSS, headers={"x-evil": XSS}, body=XSS.encode()
    )
    house.order("2", name=XSS, set={"status": XSS})
    house.order("3", phone=XSS)
    house.answers("+491713920012", XSS)
    unread = house.unreadable(XSS.encode(), source=XSS)
    house.notices.append(XSS)
    client = house.client()
    paths = [
        "", "audit", "events", "messages", f"events/{event_id}", f"events/{unread}",
        f"messages/{house.text_of(event_id)}",
    ]  # fmt: skip
    paths += [f"{name}?{field}={XSS}" for name in ("audit", "messages", "events") for field in ("q", "rule", "state")]
    paths += [f"audit?number={XSS}", f"audit?since={XSS}", f"audit?reason={XSS}", XSS, f"search?q={XSS}"]

    for path in paths:
        page = client.get(f"/console/{path}", follow_redirects=True).get_data(as_text=True)
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "\"'>" not in page, path


def test_every_answer_carries_the_strict_headers(house: House) -> None:
    client = house.client()

    for path in ("/console/", "/console/nothing", "/", "/console/static/console.css"):
        with client.get(path) as answer:
            headers = answer.headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_pages_hold_no_inline_script_style_or_foreign_address(house: House) -> None:
    event_id = house.delivered("1001")
    client = house.client()

    for path in ("", "audit", "events", "messages", f"events/{event_id}", f"messages/{house.text_of(event_id)}"):
        page = client.get(f"/console/{path}").get_data(as_text=True)
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page), path
        assert not re.search(r'(?:src|href|action)="(?!/)(?!#)', page), path


def test_addresses_of_nothing_are_a_friendly_404(house: House) -> None:
    client = house.client()

    for path in ("nothing", "events/e0000000000000", "messages/m", "events/%00", "messages/../etc", "audit?before=-1"):
        answer = client.get(f"/console/{path}")
        assert answer.status_code == 404, path
        assert "There is nothing here" in answer.get_data(as_text=True)


def test_a_store_that_does_not_answer_is_a_503_in_the_same_house_style(house: House) -> None:
    house.store.read = _down  # type: ignore[assignment, method-assign]

    answer = house.client().get("/console/audit")

    assert answer.status_code == 503
    assert "The store does not answer" in answer.get_data(as_text=True)


def _down() -> None:
    from audit.store import StoreDown

    raise StoreDown("disk full")


def test_a_defect_is_a_500_that_gives_nothing_away(house: House) -> None:
    app = house.app()
    app.add_url_rule("/console/broken", "broken", for_all(lambda: str(1 // 0)))

    answer = app.test_client().get("/console/broken")

    assert answer.status_code == 500
    assert "Something broke on our side" in answer.get_data(as_text=True)
    assert "ZeroDivisionError" not in answer.get_data(as_text=True)


def test_the_theme_is_a_form_that_comes_back_here_and_nowhere_else(house: House) -> None:
    client = house.client()

    token = re.findall(r'name="token" value="([^"]+)"', client.get("/console/").get_data(as_text=True))[0]

    unproven = client.post("/console/theme", data={"theme": "dark", "back": "/console/"})
    answer = client.post("/console/theme", data={"theme": "dark", "back": "/console/audit?q=x", "token": token})
    away = client.post("/console/theme", data={"theme": "neon", "back": "//evil.example", "token": token})

    assert unproven.status_code == 400

    assert answer.headers["Location"] == "/console/audit?q=x"
    assert 'data-theme="dark"' in client.get("/console/").get_data(as_text=True)
    assert away.headers["Location"] == "/console/"


def test_first_paint_stays_small(house: House) -> None:
    for number in range(60):
        house.order(str(number), 80 if number % 2 else 120)
    client = house.client()

    for path in ("", "audit", "events", "messages"):
        assert len(client.get(f"/console/{path}").data) < 150_000
    with client.get("/console/static/console.css") as style:
        assert len(style.data) < 25_000


def test_an_empty_house_has_pages_that_say_so(house: House) -> None:
    client = house.client()

    assert "Nothing needs a person" in text(client, "/console/")
    assert "Nothing has been decided yet." in text(client, "/console/audit")
    assert "No event has come in yet." in text(client, "/console/events")
    assert "No text has been written yet." in text(client, "/console/messages")
