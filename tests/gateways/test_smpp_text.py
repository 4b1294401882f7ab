"""What travels over SMPP, without a connection: texts, parts, receipts, ids, and bytes that make no sense."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
import smsutil
from hypothesis import given, settings
from hypothesis import strategies as st

from certify import smsc as fake
from dispatch import segments
from gateways.smpp import pdu as smpp
from gateways.smpp import receipt as smpp_receipt
from gateways.smpp import text as smpp_text
from gateways.smpp.pdu import Address, Malformed, Pdu, Short
from model.message import State
from model.sending import ReplyPart
from tests.scale import runs

NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)
ADDRESSED = Short(source=Address(value=b"447700900123", ton=1, npi=1), to=Address(value=b"12345"))
ANY_TEXT = st.text(
    st.one_of(
        st.sampled_from(smpp_text.BASIC.replace("\x1b", "")),
        st.sampled_from("€[]{}^~|\\\f"),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=700,
)
GSM_TEXT = st.text(st.sampled_from([*smpp_text.TO_GSM]), min_size=1, max_size=700)


def written(text: str, long: str = "udh") -> smpp_text.Written:
    return smpp_text.write(text, segments.measure(text).encoding, alphabet="gsm7", coding="default", long=long)


def arrives(text: str, long: str, reference: int = 513) -> str:
    """Send a text through the wire's bytes and join it as a phone does."""
    made = written(text, long)
    found = {}
    for short in smpp_text.envelopes(
        Short(source=ADDRESSED.source, to=ADDRESSED.to, data_coding=made.coding), made.parts, reference, long
    ):
        read, part = smpp_text.read(smpp.read_short(Pdu(command=smpp.DELIVER, body=short.encode())), "gsm7")
        found[part.number if part else 1] = read
    assert len(found) == (1 if long == "payload" else len(made.parts))
    return "".join(found[number] for number in sorted(found))


@pytest.mark.parametrize("long", smpp_text.LONG)
@settings(max_examples=runs(25, 1000), deadline=None)
@given(text=st.one_of(ANY_TEXT, GSM_TEXT))
def test_whatever_is_cut_is_joined_again(long: str, text: str) -> None:
    assert arrives(text, long) == text


@settings(max_examples=runs(60, 3000), deadline=None)
@given(text=st.one_of(ANY_TEXT, GSM_TEXT))
def test_the_parts_are_those_of_the_preview(text: str) -> None:
    measured = segments.measure(text)
    units = 2 if measured.encoding == "ucs2" else 1

    assert [len(part) // units for part in written(text).parts] == list(measured.parts)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1), ("a" * 161, 2), ("a" * 159 + "€", 2), ("a" * 152 + "€" + "a" * 152, 3), ("€" * 153, 3),
        ("ж" * 66 + "😀" + "ж" * 66, 3), ("😀" * 67, 3), ("`", 1), ("§" * 160, 1), ("\f" * 80, 1),
    ],
)  # fmt: skip
def test_known_edges_are_cut_right(text: str, parts: int) -> None:
    made = written(text)

    assert len(made.parts) == parts
    assert smsutil.split(text).parts.__len__() == parts
    for part in made.parts:
        assert not part.endswith(b"\x1b") or made.coding == smpp_text.UCS2


def test_a_backtick_is_not_sent_as_another_letter() -> None:
    made = written("`")

    assert (made.coding, made.parts) == (smpp_text.UCS2, (b"\x00`",))


def test_every_letter_of_the_gsm_alphabet_has_one_code_of_its_own() -> None:
    codes = list(smpp_text.TO_GSM.values())

    assert (len(codes), len(set(codes)), len(smpp_text.BASIC)) == (127 + 10, 137, 128)
    assert smpp_text.from_gsm(b"".join(codes)) == "".join(smpp_text.TO_GSM)


@pytest.mark.parametrize(
    ("octets", "coding", "alphabet", "text"),
    [
        (b"\x00\x1be", 0, "gsm7", "@€"),
        (b"caf\xe9", 0, "latin1", "café"),
        (b"caf\xe9", 3, "gsm7", "café"),
        (b"caf\xe9", 1, "gsm7", "caf\ufffd"),
        ("жук".encode("utf-16-be"), 8, "gsm7", "жук"),
        ("жук".encode("utf-16-be"), 0x18, "gsm7", "жук"),
        (b"Hi", 0xF0, "gsm7", "Hi"),
        (b"\x00H\x00", 8, "gsm7", "H\ufffd"),
        (b"\xffH\x1b", 0, "gsm7", "\ufffdH "),
        (b"\x1b\x1bH", 0, "gsm7", " H"),
    ],
)  # fmt: skip
def test_octets_are_read_under_their_coding(octets: bytes, coding: int, alphabet: str, text: str) -> None:
    assert smpp_text.decode(octets, coding, alphabet) == text


@pytest.mark.parametrize(
    ("udh", "part"),
    [
        (b"\x05\x00\x03\x2a\x02\x01", ReplyPart(reference="42", number=1, total=2)),
        (b"\x06\x08\x04\x02\x01\x03\x03", ReplyPart(reference="513", number=3, total=3)),
        (b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x2a\x02\x02", ReplyPart(reference="42", number=2, total=2)),
        (b"\x05\x00\x03\x2a\x02\x03", None),
        (b"\x05\x00\x03\x2a\x00\x00", None),
        (b"\x05\x00\x03\x2a", None),
        (b"\xff\x00\x03", None),
        (b"\x03\x25\x01\x01", None),
    ],
)
def test_a_header_says_which_part_it_is(udh: bytes, part: ReplyPart | None) -> None:
    short = Short(source=ADDRESSED.source, to=ADDRESSED.to, text=udh + b"Hi", esm_class=smpp.HAS_UDH)

    assert smpp_text.read(short, "gsm7")[1] == part


def receipt_of(text: bytes, esm_class: int = 4, tlvs: bytes = b"", id_format: str = "auto", command: int = 5) -> object:
    body = fake.deliver_body(text, esm_class=esm_class, tlvs=tlvs)
    short = smpp.read_short(Pdu(command=command, body=body))
    words = smpp_text.decode(short.content, short.data_coding, "gsm7")
    if not smpp_receipt.is_receipt(short, words):
        return None
    found = smpp_receipt.receipt(short, words, id_format)
    return found.provider_id, found.state, found.raw_status, found.error_code


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        (fake.receipt_text("abc1"), ("abc1", State.DELIVERED, "DELIVRD", "")),
        (fake.receipt_text("7", "UNDELIV", "69"), ("7", State.UNDELIVERED, "UNDELIV", "69")),
        (fake.receipt_text("7", "ENROUTE"), ("7", State.SENT, "ENROUTE", "")),
        (fake.receipt_text("7", "NEWWORD"), ("7", State.UNCONFIRMED, "NEWWORD", "")),
        (
            b"id:c4e2-11 sub:001 dlvrd:001 submitdate:261123120000 donedate:261123120100 stat:EXPIRED err:nul Text:",
            ("c4e2-11", State.EXPIRED, "EXPIRED", ""),
        ),
        (b"STAT:rejectd ERR:ABC ID:9 TEXT:id:10 stat:DELIVRD", ("9", State.REJECTED, "REJECTD", "ABC")),
        (b"id: 12 stat: DELIVRD err: text:", ("12", State.DELIVERED, "DELIVRD", "")),
    ],
)
def test_a_receipt_is_read_by_its_text(text: bytes, facts: object) -> None:
    assert receipt_of(text) == facts


def test_parameters_count_before_the_text() -> None:
    tlvs = (
        fake.tlv(0x1501, b"vendor") + fake.tlv(0x1E, b"xyz\0") + fake.tlv(0x427, b"\x05") + fake.tlv(0x423, b"\3\0\x0b")
    )

    assert receipt_of(fake.receipt_text("other"), tlvs=tlvs) == ("xyz", State.UNDELIVERED, "UNDELIV", "11")


def test_a_receipt_without_its_mark_is_one_by_its_words_and_a_text_about_one_is_not() -> None:
    assert receipt_of(fake.receipt_text("7"), esm_class=0) == ("7", State.DELIVERED, "DELIVRD", "")
    assert receipt_of(b"my id: 7 and stat: fine", esm_class=0) is None


def test_a_cut_parameter_ends_the_list_and_nothing_else() -> None:
    assert receipt_of(fake.receipt_text("7"), tlvs=fake.tlv(0x1E, b"8\0") + b"\x04\x27\x00\x09\x02")


@pytest.mark.parametrize(
    ("raw", "id_format", "includes", "never"),
    [
        ("12345", "auto", {"3039", "00003039", "74565"}, set()),
        ("0000ABCD", "auto", {"43981", "0000abcd"}, set()),
        ("00123", "auto", {"123", "7b", "7B"}, set()),
        ("12345", "hex", {"74565"}, {"3039"}),
        ("12345", "dec", {"3039"}, {"74565"}),
        ("12345", "raw", set(), {"3039", "74565"}),
        ("0c4e2f11-77", "auto", set(), {"c4e2f11-77"}),
        ("9" * 21, "auto", set(), set()),
    ],
)
def test_an_id_may_have_been_written_otherwise(raw: str, id_format: str, includes: set[str], never: set[str]) -> None:
    found = set(smpp_receipt.spellings(raw, id_format))

    assert includes <= found
    assert not found & (never | {raw, ""})
    assert includes or not found


def test_the_same_text_again_is_a_repetition_for_minutes_only() -> None:
    short = Short(source=ADDRESSED.source, to=ADDRESSED.to, text=b"Yes")
    later = NOW.replace(hour=13)

    ids = {smpp_receipt.reply(short, "gsm7", moment).id for moment in (NOW, NOW.replace(minute=4), later)}

    assert len(ids) == 2


def test_bytes_without_sense_are_read_or_refused() -> None:
    dice = random.Random(3)
    bodies = [
        fake.deliver_body(fake.receipt_text("7"), esm_class=4, tlvs=fake.tlv(0x427, b"\2") + fake.tlv(0x1E, b"7\0")),
        fake.deliver_body(b"\x05\x00\x03\x2a\x02\x01Hello", esm_class=0x40),
        fake.deliver_body("Привет".encode("utf-16-be"), data_coding=8),
        fake.deliver_body(tlvs=fake.tlv(0x424, b"Hello")),
    ]
    for _ in range(runs(3000, 200_000)):
        body = bytearray(dice.choice(bodies))
        for _ in range(dice.randint(1, 6)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        pdu = Pdu(command=dice.choice((5, 0x103)), body=bytes(body[: dice.randint(0, len(body))]))
        try:
            short = smpp.read_short(pdu)
            words = smpp_text.decode(short.content, short.data_coding, "gsm7")
            if smpp_receipt.is_receipt(short, words):
                assert smpp_receipt.receipt(short, words, "auto").provider_id
            else:
                assert smpp_receipt.reply(short, "gsm7", NOW).number
        except Malformed:
            continue


def test_a_field_that_does_not_fit_is_refused_and_not_cut_off() -> None:
    for bad in (Address(value=b"4" * 21), Address(value=b"4\x004")):
        with pytest.raises(Malformed):
            Short(source=bad, to=ADDRESSED.to).encode()
    with pytest.raises(Malformed):
        Short(source=ADDRESSED.source, to=ADDRESSED.to, text=b"a" * 255).encode()
