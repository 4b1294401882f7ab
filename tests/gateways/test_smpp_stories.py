"""Stories over SMPP with the real store, worker and inbox: texts, their receipts in any order, and replies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import app
import gateways
from certify import smsc as fake
from certify.smsc import Smsc, deliver_body, receipt_text, smsc, tlv
from gateways.base import Gateway
from inbound.receipts import Inbox
from model.reasons import ConfigError
from running import configured
from settings import Settings
from tests.fakes.stores import open_store
from tests.fakes.world import PHONE, RULES, World

OURS = b"4915735998765"
LONG = RULES.replace("is confirmed.", f"is confirmed. {'0123456789' * 35}")


@pytest.fixture
def peer() -> Iterator[Smsc]:
    with smsc() as running:
        yield running


@pytest.fixture
def main(world: World, peer: Smsc) -> Iterator[Gateway]:
    given = {"host": "127.0.0.1", "port": peer.port, "system_id": "us", "password": "secret", "from": "Example"}
    made = gateways.build("smpp", "main", {**given, "reconnect": 0.02, "response_timeout": 5})
    world.worker.gateways = {**world.worker.gateways, "main": made}
    made.open(Inbox(store=world.store, clock=lambda: world.now))
    try:
        yield made
    finally:
        made.close()


def receipt(provider_id: str, stat: str = "DELIVRD", err: str = "000", number: str = PHONE) -> bytes:
    return deliver_body(receipt_text(provider_id, stat, err), number[1:].encode(), OURS, esm_class=4)


def said(text: bytes, **more: Any) -> bytes:
    return deliver_body(text, PHONE[1:].encode(), OURS, **more)


def replies(world: World) -> list[str]:
    return [row["text"] for row in world.rows("select text from replies order by rowid")]


def test_a_text_is_delivered_when_its_receipt_says_so(world: World, main: Gateway, peer: Smsc) -> None:
    world.order("A7")
    world.step()
    assert world.states == ["accepted"]

    assert peer.deliver(receipt("id-1", "ENROUTE")) == fake.OK
    assert world.states == ["sent"]
    assert peer.deliver(receipt("id-1")) == fake.OK

    assert world.states == ["delivered"]
    assert world.faults() == []


def test_receipts_doubled_or_late_move_nothing_back(world: World, main: Gateway, peer: Smsc) -> None:
    world.order("A7")
    world.step()

    for stat in ("DELIVRD", "DELIVRD", "ENROUTE", "UNKNOWN", "EXPIRED"):
        assert peer.deliver(receipt("id-1", stat)) == fake.OK

    assert world.states == ["delivered"]
    assert len(world.journal("receipt")) == 4


def test_a_receipt_quicker_than_the_answer_is_not_lost(world: World, main: Gateway, peer: Smsc) -> None:
    def hasty(client: fake.Client, submitted: fake.Submitted) -> None:
        sequence = client.deliver(receipt("quick"))

        def answer_later() -> None:
            assert peer.waits(lambda: sequence in peer.delivered)
            client.answer(submitted, 0, "quick")

        threading.Thread(target=answer_later).start()

    peer.plays(hasty)
    world.order("A7")
    world.step()

    assert world.states == ["delivered"]
    assert world.rows("select * from unmatched") == []


@pytest.mark.parametrize(
    ("answered", "reported"), [("3039", "12345"), ("00003039", "12345"), ("12345", "3039"), ("ABCDEF", "11259375")]
)
@pytest.mark.parametrize("early", [False, True])
def test_an_id_in_another_base_is_recognised(
    world: World, main: Gateway, peer: Smsc, answered: str, reported: str, early: bool
) -> None:
    peer.ids = lambda _: answered
    if early:
        peer.deliver(receipt(reported))
    world.order("A7")
    world.step()
    if not early:
        peer.deliver(receipt(reported))

    assert world.states == ["delivered"]
    assert world.rows("select * from spellings") == []


@pytest.mark.parametrize("early", [False, True])
def test_an_id_that_fits_a_stranger_s_text_in_another_base_is_not_his(
    world: World, main: Gateway, peer: Smsc, early: bool
) -> None:
    peer.ids = lambda _: "64"  # hexadecimal of 100
    if early:
        peer.deliver(receipt("100", number="+447700900199"))
    world.order("A7")
    world.step()
    if not early:
        peer.deliver(receipt("100", number="+447700900199"))

    assert world.states == ["accepted"]
    assert len(world.rows("select * from unmatched")) == 1


def test_a_long_text_is_delivered_when_every_part_is(world: World, main: Gateway, peer: Smsc) -> None:
    world.rules(LONG)
    world.order("A7")
    world.step()

    seen = []
    for provider_id, stat in (("id-2", "DELIVRD"), ("id-1", "ENROUTE"), ("id-3", "DELIVRD"), ("id-1", "DELIVRD")):
        peer.deliver(receipt(provider_id, stat))
        seen += world.states

    assert seen == ["accepted", "accepted", "sent", "delivered"]
    assert world.rows("select detail from journal where kind = 'receipt' order by id")[0] == {
        "detail": "DELIVRD delivered, part 2 of 3"
    }


def test_a_long_text_failed_when_one_part_did(world: World, main: Gateway, peer: Smsc) -> None:
    world.rules(LONG)
    world.order("A7")
    world.step()

    peer.deliver(receipt("id-1"))
    peer.deliver(receipt("id-2", "UNDELIV", "069"))
    peer.deliver(receipt("id-3"))

    assert world.states == ["undelivered"]
    assert world.message()["reason"] == "069"


def test_receipts_of_parts_may_be_quicker_than_the_answers(world: World, main: Gateway, peer: Smsc) -> None:
    for number in (3, 1, 2):
        peer.deliver(receipt(f"id-{number}"))
    world.rules(LONG)
    world.order("A7")
    world.step()

    assert world.states == ["delivered"]


def test_of_a_text_cut_off_by_a_lost_connection_no_part_speaks_for_the_whole(
    world: World, main: Gateway, peer: Smsc
) -> None:
    peer.plays(fake.says("id-1"), fake.hangs_up)
    world.rules(LONG)
    world.order("A7")
    world.step()
    assert world.states == ["unknown"]

    peer.bound(count=2)
    peer.deliver(receipt("id-1"))

    assert world.states == ["unknown"]
    assert [row["state"] for row in world.rows("select state from parts order by part")][:2] == ["delivered", "unknown"]


def test_a_text_sent_again_has_new_parts(world: World, main: Gateway, peer: Smsc) -> None:
    world.worker.routes = ("main",)
    peer.plays(fake.says("old-1"), fake.hangs_up)
    world.rules(LONG.replace("    dedupe:", "    on_unknown: retry\n    dedupe:"))
    world.order("A7")
    world.step()
    peer.bound(count=2)
    world.wait(minutes=11)
    world.worker.settle(world.now)
    world.step()
    assert world.states == ["accepted"]

    peer.deliver(receipt("old-1", "UNDELIV"))
    assert world.states == ["accepted"]
    for row in world.rows("select provider_id from parts"):
        peer.deliver(receipt(row["provider_id"]))

    assert world.states == ["delivered"]


def test_while_nothing_can_be_kept_the_smsc_is_asked_to_come_again(
    world: World, main: Gateway, peer: Smsc, tmp_path: Path
) -> None:
    world.order("A7")
    world.step()
    closed = open_store(tmp_path / "closed.db")
    closed.close()

    main.open(Inbox(store=closed, clock=lambda: world.now))
    assert peer.deliver(receipt("id-1")) == fake.SYSTEM_ERROR
    assert peer.deliver(said(b"Yes")) == fake.SYSTEM_ERROR

    main.open(Inbox(store=world.store, clock=lambda: world.now))
    assert peer.deliver(receipt("id-1")) == fake.OK
    assert world.states == ["delivered"]


def test_what_nobody_can_read_is_refused_for_good_and_the_rest_goes_on(world: World, main: Gateway, peer: Smsc) -> None:
    world.order("A7")
    world.step()

    assert peer.deliver(b"\x00") == 0x65
    assert peer.deliver(deliver_body(b"stat:DELIVRD", esm_class=4)) == 0x65
    assert peer.deliver(deliver_body(b"Hello", b"")) == 0x65
    assert peer.deliver(receipt("id-1")) == fake.OK
    assert world.states == ["delivered"]


def test_many_receipts_at_once_are_all_kept(world: World, main: Gateway, peer: Smsc) -> None:
    client = peer.bound()
    sequences = [client.deliver(receipt(f"n{number}")) for number in range(300)]

    assert peer.waits(lambda: all(sequence in peer.delivered for sequence in sequences))
    assert set(peer.delivered.values()) == {fake.OK}
    assert len(world.rows("select * from unmatched")) == 300


def test_receipts_by_data_sm_and_by_payload_are_read(world: World, main: Gateway, peer: Smsc) -> None:
    world.order("A7")
    world.order("A8")
    world.step()
    start = b"\0\1\1" + PHONE[1:].encode() + b"\0\1\1" + OURS + b"\0"

    data_sm = start + b"\4\0\0" + tlv(0x1E, b"id-1\0") + tlv(0x427, b"\2")
    assert peer.deliver(data_sm, command=0x103) == fake.OK
    payload = deliver_body(b"", PHONE[1:].encode(), OURS, esm_class=4, tlvs=tlv(0x424, receipt_text("id-2")))
    assert peer.deliver(payload) == fake.OK

    assert world.states == ["delivered", "delivered"]


@pytest.mark.parametrize(
    ("octets", "coding"),
    [("Größe".encode("latin-1"), 3), (b"Gr\x7c\x1ee", 0), ("Größe".encode("utf-16-be"), 8)],
)
def test_a_text_from_a_phone_is_read_under_its_coding(
    world: World, main: Gateway, peer: Smsc, octets: bytes, coding: int
) -> None:
    assert peer.deliver(said(octets, data_coding=coding)) == fake.OK

    assert replies(world) == ["Größe"]
    (row,) = world.rows("select number, our_number, gateway from replies")
    assert row == {"number": PHONE, "our_number": f"+{OURS.decode()}", "gateway": "main"}


def test_stop_over_smpp_ends_all_texts(world: World, main: Gateway, peer: Smsc) -> None:
    peer.deliver(said(b"STOP"))

    world.order("A7")
    world.step()

    assert world.reasons == ["opted_out"]


def part(number: int, octets: bytes, total: int = 3, reference: int = 42) -> bytes:
    return said(bytes((5, 0, 3, reference, total, number)) + octets, esm_class=0x40, data_coding=8)


TEXT = "Wann kommt das Paket? 👋 Ich bin ab 17 Uhr zu Hause."
UTF16 = TEXT.encode("utf-16-be")
PIECES = (UTF16[:46], UTF16[46:60], UTF16[60:])
"""The first cut goes through the waving hand."""


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_a_long_text_from_a_phone_is_joined_in_any_order(
    world: World, main: Gateway, peer: Smsc, order: tuple[int, ...]
) -> None:
    for number in order:
        assert replies(world) == []
        assert peer.deliver(part(number, PIECES[number - 1])) == fake.OK

    assert replies(world) == [TEXT]
    assert world.rows("select * from reply_parts") == []


def test_a_part_that_comes_again_changes_nothing(world: World, main: Gateway, peer: Smsc) -> None:
    for number in (1, 1, 2, 3, 3, 2):
        peer.deliver(part(number, PIECES[number - 1]))
        world.wait(minutes=11)

    assert replies(world) == [TEXT]
    assert world.rows("select * from reply_parts") == []


def test_parts_of_two_phones_and_two_texts_stay_apart(world: World, main: Gateway, peer: Smsc) -> None:
    other = deliver_body(b"\5\0\3\x2a\2\1Other ", b"447700900111", OURS, esm_class=0x40)
    for body in (part(1, b"\0A", 2), other, part(1, b"\0C", 2, 43), part(2, b"\0D", 2, 43), part(2, b"\0B", 2)):
        peer.deliver(body)

    assert replies(world) == ["CD", "AB"]


def test_parts_numbered_by_sar_parameters_are_joined(world: World, main: Gateway, peer: Smsc) -> None:
    for number, text in ((2, b"later"), (1, b"See you ")):
        tlvs = tlv(0x20C, b"\1\2") + tlv(0x20E, b"\2") + tlv(0x20F, bytes((number,)))
        peer.deliver(said(text, tlvs=tlvs))

    assert replies(world) == ["See you later"]


def test_a_text_whose_part_is_missing_is_shown_with_its_gap_after_hours(
    world: World, main: Gateway, peer: Smsc
) -> None:
    inbox = Inbox(store=world.store, clock=lambda: world.now)
    peer.deliver(part(1, PIECES[0]))
    peer.deliver(part(3, PIECES[2]))
    world.wait(hours=5)
    inbox.give_up(world.now)
    assert replies(world) == []

    world.wait(hours=2)
    inbox.give_up(world.now)
    inbox.give_up(world.now)

    (text,) = replies(world)
    assert text.startswith("Wann kommt das Paket? ")
    assert "[...]" in text
    assert text.endswith("zu Hause.")


@pytest.mark.parametrize(("mode", "binds"), [("live", 1), ("sink", 0)])
def test_the_service_binds_when_it_starts_and_says_good_bye_when_it_stops(
    peer: Smsc, tmp_path: Path, mode: str, binds: int
) -> None:
    account = {"kind": "smpp", "host": "127.0.0.1", "port": peer.port, "system_id": "us", "password": "secret"}
    service = app.build(
        Settings.model_validate(
            {"mode": mode, "database": f"sqlite:///{tmp_path}/service.db", "gateways": {"main": account}}
        )
    )
    service.start()
    try:
        if binds:
            assert peer.deliver(said(b"Hello")) == fake.OK
    finally:
        service.stop()

    assert len(peer.binds) == binds
    assert [command for command, _, _ in peer.others] == [fake.UNBIND] * binds


def test_a_wrong_setting_refuses_the_start_and_names_the_gateway() -> None:
    account = {"kind": "smpp", "host": "smsc.example", "system_id": "us", "password": "secret", "long": "cut"}

    with pytest.raises(ConfigError) as error:
        configured.gateways_of(Settings.model_validate({"gateways": {"main": account}}))

    assert "gateways.main: long must be one of" in str(error.value.problems[0])
