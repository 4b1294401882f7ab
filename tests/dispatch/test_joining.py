"""Systems that know no phone: it comes from the contacts of another, and goes with the person."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from audit import erasure
from audit.retention import Retention, purge
from cli import main
from dispatch import contact_lists
from dispatch.joining import Join
from model.event import Event
from tests.fakes.world import World
from wire.table import opened

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: order
    event: order.created
    to: [customer.phone]
    text: {en: "{{ customer.first_name }}, order {{ number }}.", de: "Hallo {{ customer.first_name }}: {{ number }}."}
    locale: customer.locale
"""
NUMBER = "+491713920012"


@pytest.fixture
def shop(world: World) -> World:
    world.rules(RULES)
    world.worker.joins = {"shop": Join(source="crm", by="customer.email")}
    return world


def person(world: World, event_type: str = "contact.created", **said: str) -> Event:
    known = {"id": "C7", "email": "Zoe@example.example", "phone": "0171 3920012", "name": "Zoë Kern", "locale": "de"}
    return Event(
        source="crm", type=event_type, native_type="contact", id=f"{event_type}/{said}", key="C7",
        occurred_at=world.now, data={"country": "DE", "customer": {**known, **said}},
    )  # fmt: skip


def order(world: World, number: str, email: str = "zoe@example.example", **more: object) -> None:
    world.hears("order.created", {"id": number, "number": number, "customer": {"email": email, **more}})


def test_an_order_without_a_phone_reaches_the_person_the_crm_knows(shop: World) -> None:
    shop.tells(person(shop))
    shop.plan()
    order(shop, "A7")
    shop.step()

    assert shop.phone.inbox == ["Hallo Zoë: A7."]
    assert shop.message()["number"] == NUMBER


def test_the_phone_of_the_event_itself_comes_first(shop: World) -> None:
    shop.tells(person(shop))
    shop.plan()
    order(shop, "A7", phone="+447700900123", first_name="Ann")
    shop.step()

    assert shop.message()["number"] == "+447700900123"


def test_who_is_not_found_is_told_with_what_was_tried(shop: World) -> None:
    shop.tells(person(shop, id="C8", phone="", email="ann@example.example"))
    shop.plan()
    for email in ("", "nobody@example.example", "ann@example.example"):
        order(shop, f"A{email}", email)
    shop.plan()

    told = [
        row["gates"] for row in shop.rows("select gates from traces order by journal_id") if "no_rec" in str(row) or 1
    ]
    said = "\n".join(told)
    assert shop.reasons.count("no_recipient") == 3
    assert "customer.email is empty" in said
    assert "crm has told of no contact with the customer.email of this event" in said
    assert "the contact C8 of crm has no phone either" in said


def test_a_record_that_is_asked_for_again_keeps_the_phone_it_was_joined_with(shop: World) -> None:
    shop.rules(RULES + "    recheck: {still: [\"number == 'A7'\"], if_unreachable: skip}\n")
    shop.worker.ask = lambda event: replace(event, data={"number": "A7", "customer": {"email": "zoe@example.example"}})
    shop.tells(person(shop))
    shop.plan()
    order(shop, "A7")
    shop.plan()
    shop.worker.recheck_due(shop.now)
    shop.step()

    assert shop.phone.inbox == ["Hallo Zoë: A7."]


def test_a_contact_changes_with_its_source_and_an_older_word_does_not_overrule(shop: World) -> None:
    shop.tells(person(shop, "contact.updated", phone="+447700900123"))
    shop.plan()
    shop.tells(replace(person(shop), occurred_at=shop.now - timedelta(hours=1)))
    shop.plan()
    order(shop, "A7")
    shop.step()
    shop.tells(person(shop, "contact.deleted"))
    shop.plan()
    order(shop, "A8")
    shop.step()

    assert [row["number"] for row in shop.rows("select number from messages")] == ["+447700900123"]


def test_contacts_nobody_asks_for_are_not_kept(shop: World) -> None:
    shop.worker.joins = {}
    shop.tells(person(shop))
    shop.plan()

    assert shop.rows("select * from contacts") == []


def test_an_erased_person_is_no_contact_any_more(shop: World) -> None:
    shop.tells(person(shop, phone="0171/392 00 12"))
    shop.tells(person(shop, id="C9", email="b@example.example", phone="0171 3920099"))
    shop.plan()
    about = erasure.everything_about(shop.store, NUMBER)
    erasure.erase(shop.store, NUMBER, "test", "asked", shop.now)

    assert [one["contact"] for one in about["contacts"]] == ["C7"]
    assert [row["contact"] for row in shop.rows("select contact from contacts")] == ["C9"]


def test_contacts_go_when_people_go(shop: World) -> None:
    shop.tells(person(shop))
    shop.plan()
    purge(shop.store, Retention(people=timedelta(days=365)), shop.now + timedelta(days=364))
    before = len(shop.rows("select * from contacts"))
    purge(shop.store, Retention(people=timedelta(days=365)), shop.now + timedelta(days=366))

    assert (before, shop.rows("select * from contacts")) == (1, [])


def test_a_list_is_read_and_its_bad_rows_are_told_by_number(tmp_path: Path) -> None:
    rows = ["email,phone,name", "zoe@example.example,0171 3920012,Zoë", ",0171 3920013,", "x@example.example,12,X"]
    (tmp_path / "people.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (tmp_path / "tidings.toml").write_text(f'database = "sqlite:///{tmp_path}/tidings.db"\n', "utf-8")
    words = ["--config", str(tmp_path / "tidings.toml"), "contacts"]

    result = CliRunner().invoke(
        main, [*words, "import", str(tmp_path / "people.csv"), "--source", "crm", "--region", "DE"]
    )
    listed = CliRunner().invoke(main, [*words, "list"])

    assert result.exit_code == 1
    assert "row 3: id and email are empty" in result.output
    assert "row 4: " in result.output
    assert listed.output.split() == ["crm", "1", "1"]
    assert contact_lists.read(opened(io.BytesIO(b"name")), "crm", "").wrong[0][0] == 1


def test_a_list_without_mail_addresses_names_its_people_by_their_id() -> None:
    rows = b"id,phone\n7,0171 3920012\n,0171 3920013\n"

    found = contact_lists.read(opened(io.BytesIO(rows)), "crm", "DE")

    assert [(one.contact, one.email, one.number) for one in found.contacts] == [("7", "", "+491713920012")]
    assert found.wrong == [(3, "id and email are empty")]
