"""Texts over SMPP: what becomes of them whatever the SMSC does, and that the connection comes back by itself."""

from __future__ import annotations

import logging
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import gateways
from certify import smsc as fake
from certify.provider import closed_port
from certify.smsc import Smsc, smsc
from gateways.base import Gateway
from model.message import State
from model.sending import ErrorClass, Outcome, Result, Submission
from tests.scale import runs

PLAIN = Submission(message_id="m1", to="+447700900123", text="Hello")
LONG = replace(PLAIN, text="a" * 400, segments=3)
QUICK = {"response_timeout": 5, "reconnect": 0.02, "throttle_pause": 0.01}


@pytest.fixture
def peer() -> Iterator[Smsc]:
    with smsc() as running:
        yield running


@contextmanager
def gateway(peer: Smsc, **settings: Any) -> Iterator[Gateway]:
    given = {"host": "127.0.0.1", "port": peer.port, "system_id": "us", "password": "secret", "from": "Example"}
    made = gateways.build("smpp", "main", {**given, **QUICK, **settings})
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def main(peer: Smsc) -> Iterator[Gateway]:
    with gateway(peer) as made:
        yield made


@pytest.fixture
def hasty(peer: Smsc) -> Iterator[Gateway]:
    """A gateway that does not wait long for an answer."""
    with gateway(peer, response_timeout=0.15) as made:
        yield made


def unclear(result: Result) -> bool:
    return (result.outcome, result.error) == (Outcome.UNKNOWN, ErrorClass.UNKNOWN)


def test_a_text_is_taken_and_has_the_smsc_s_id(main: Gateway, peer: Smsc) -> None:
    result = main.submit(replace(PLAIN, text="Grüße €", validity=timedelta(hours=30, seconds=5)))

    assert (result.outcome, result.provider_id, result.parts) == (Outcome.ACCEPTED, "id-1", ())
    (seen,) = peer.seen
    assert seen.source == (5, 0, b"Example")
    assert seen.to == (1, 1, b"447700900123")
    assert (seen.text, seen.data_coding, seen.esm_class) == (b"Gr\x7e\x1ee \x1be", 0, 0)
    assert (seen.validity, seen.registered) == (b"000001060005000R", 1)


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("+442079460018", (1, 1, b"442079460018")),
        ("442079460018", (1, 1, b"442079460018")),
        ("60001", (3, 0, b"60001")),
        ("Example", (5, 0, b"Example")),
    ],
)
def test_the_sender_s_type_of_number_follows_its_form(
    main: Gateway, peer: Smsc, sender: str, address: tuple[int, int, bytes]
) -> None:
    main.submit(replace(PLAIN, sender=sender))

    assert peer.seen[0].source == address


def test_types_of_number_can_be_set(peer: Smsc) -> None:
    with gateway(peer, source_ton_npi="6,9", dest_ton_npi="0,1", service_type="CMT", registered_delivery=17) as main:
        main.submit(PLAIN)

    (seen,) = peer.seen
    assert (seen.source[:2], seen.to[:2], seen.service_type, seen.registered) == ((6, 9), (0, 1), b"CMT", 17)


def test_other_letters_travel_as_ucs2(main: Gateway, peer: Smsc) -> None:
    main.submit(replace(PLAIN, text="Привет 👋", encoding="ucs2"))

    assert peer.seen[0].data_coding == 8
    assert peer.seen[0].text.decode("utf-16-be") == "Привет 👋"


@pytest.mark.parametrize(
    ("settings", "text", "coding", "octets"),
    [
        ({"alphabet": "latin1"}, "Grüße", 0, "Grüße".encode("latin-1")),
        ({"coding": "latin1"}, "Grüße", 3, "Grüße".encode("latin-1")),
        ({"alphabet": "ascii"}, "Hello", 0, b"Hello"),
        ({"alphabet": "ascii"}, "Grüße", 8, "Grüße".encode("utf-16-be")),
        ({"alphabet": "latin1"}, "5 €", 8, "5 €".encode("utf-16-be")),
        ({"coding": "ucs2"}, "Hello", 8, "Hello".encode("utf-16-be")),
    ],
)
def test_what_the_smsc_s_alphabet_cannot_say_is_never_a_question_mark(
    peer: Smsc, settings: dict[str, str], text: str, coding: int, octets: bytes
) -> None:
    with gateway(peer, **settings) as main:
        main.submit(replace(PLAIN, text=text))

    assert (peer.seen[0].data_coding, peer.seen[0].text) == (coding, octets)


def test_a_long_text_leaves_in_numbered_parts_with_an_id_each(main: Gateway, peer: Smsc) -> None:
    result = main.submit(LONG)

    assert (result.outcome, result.provider_id, result.segments) == (Outcome.ACCEPTED, "id-1", 3)
    assert [part.provider_id for part in result.parts] == ["id-1", "id-2", "id-3"]
    assert [(seen.esm_class, seen.text[:3], seen.text[4:6]) for seen in peer.seen] == [
        (0x40, b"\x05\x00\x03", bytes((3, number))) for number in (1, 2, 3)
    ]
    assert len({seen.text[3] for seen in peer.seen}) == 1
    assert b"".join(seen.text[6:] for seen in peer.seen) == b"a" * 400


def test_two_long_texts_to_one_phone_have_references_that_follow_each_other(main: Gateway, peer: Smsc) -> None:
    main.submit(LONG)
    main.submit(LONG)

    assert peer.seen[3].text[3] == (peer.seen[0].text[3] + 1) % 256


def test_a_long_text_can_leave_by_a_wide_reference(peer: Smsc) -> None:
    with gateway(peer, long="udh16") as main:
        main.submit(LONG)

    assert {seen.text[:3] for seen in peer.seen} == {b"\x06\x08\x04"}
    assert [len(seen.text) for seen in peer.seen] == [7 + 152, 7 + 152, 7 + 96]


def test_a_long_text_can_leave_by_sar_parameters(peer: Smsc) -> None:
    with gateway(peer, long="sar") as main:
        main.submit(LONG)

    assert [(seen.esm_class, seen.tlvs[0x20E], seen.tlvs[0x20F]) for seen in peer.seen] == [
        (0, b"\x03", bytes((number,))) for number in (1, 2, 3)
    ]
    assert b"".join(seen.text for seen in peer.seen) == b"a" * 400


def test_a_long_text_can_leave_whole(peer: Smsc) -> None:
    with gateway(peer, long="payload") as main:
        result = main.submit(LONG)

    (seen,) = peer.seen
    assert (seen.text, seen.tlvs) == (b"", {0x424: b"a" * 400})
    assert (result.provider_id, result.parts) == ("id-1", ())


def test_a_text_of_too_many_parts_is_refused_and_not_cut_off(main: Gateway, peer: Smsc) -> None:
    result = main.submit(replace(PLAIN, text="a" * 153 * 11))

    assert (result.outcome, result.error, peer.seen) == (Outcome.REJECTED, ErrorClass.CONTENT, [])


@pytest.mark.parametrize(
    "bad", [{"sender": "Grüße" * 9}, {"sender": "x" * 21}, {"to": "+४४7700"}, {"sender": "a\x00b"}]
)
def test_an_address_smpp_cannot_say_is_refused(main: Gateway, peer: Smsc, bad: dict[str, str]) -> None:
    result = main.submit(replace(PLAIN, **bad))  # type: ignore[arg-type]

    assert (result.outcome, result.code, peer.seen) == (Outcome.REJECTED, "address", [])


def test_half_a_character_is_refused(main: Gateway) -> None:
    assert main.submit(replace(PLAIN, text="\ud83d")).error is ErrorClass.CONTENT


@pytest.mark.parametrize(
    ("status", "outcome", "error"),
    [
        (0x58, Outcome.RETRY, ErrorClass.THROTTLE),
        (0x14, Outcome.RETRY, ErrorClass.THROTTLE),
        (0x08, Outcome.RETRY, ErrorClass.RETRY),
        (0x64, Outcome.RETRY, ErrorClass.RETRY),
        (0x0B, Outcome.REJECTED, ErrorClass.PERMANENT),
        (0x66, Outcome.REJECTED, ErrorClass.PERMANENT),
        (0x0A, Outcome.REJECTED, ErrorClass.SENDER_CONFIG),
        (0x01, Outcome.REJECTED, ErrorClass.CONTENT),
        (0x0400, Outcome.REJECTED, ErrorClass.PERMANENT),
        (0xFFFFFFFF, Outcome.REJECTED, ErrorClass.PERMANENT),
    ],
)
def test_a_status_has_its_meaning(main: Gateway, peer: Smsc, status: int, outcome: Outcome, error: ErrorClass) -> None:
    peer.plays(fake.refuses(status))

    result = main.submit(PLAIN)

    assert (result.outcome, result.error, result.code) == (outcome, error, f"0x{status:02X}")
    assert main.submit(PLAIN).outcome is Outcome.ACCEPTED


def test_a_status_only_this_smsc_knows_can_be_named(peer: Smsc) -> None:
    peer.plays(fake.refuses(0x0401), fake.refuses(0x0402))
    with gateway(peer, statuses={"0x0401": "route_stop", "1026": "opt_out"}) as main:
        assert main.submit(PLAIN).error is ErrorClass.ROUTE_STOP
        assert main.submit(PLAIN).error is ErrorClass.OPT_OUT


def test_a_status_nobody_knows_raises_an_alarm(main: Gateway, peer: Smsc, caplog: pytest.LogCaptureFixture) -> None:
    peer.plays(fake.refuses(0x04FF))

    main.submit(PLAIN)

    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.__dict__["status"] == "0x000004FF"


def test_a_nack_means_that_the_text_was_not_taken(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.nacks(3), fake.nacks(0))

    assert main.submit(PLAIN).outcome is Outcome.RETRY
    assert unclear(main.submit(PLAIN))


def test_an_answer_that_comes_octet_by_octet_is_an_answer(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.trickles)

    assert main.submit(PLAIN).provider_id == "slow"


def test_an_answer_without_an_id_is_still_a_yes(main: Gateway, peer: Smsc) -> None:
    peer.plays(lambda client, submitted: client.answer(submitted, 0, None))

    assert main.submit(PLAIN).outcome is Outcome.ACCEPTED


def test_no_answer_leaves_the_outcome_unknown_and_the_next_text_goes_on(hasty: Gateway, peer: Smsc) -> None:
    peer.plays(fake.stays_silent)

    assert unclear(hasty.submit(PLAIN))
    assert hasty.submit(PLAIN).outcome is Outcome.ACCEPTED
    assert len(peer.binds) == 1


def test_an_answer_to_somebody_else_is_no_answer(hasty: Gateway, peer: Smsc) -> None:
    peer.plays(
        lambda client, submitted: client.answer(replace(submitted, sequence=submitted.sequence + 77), 0, "wrong"),
        lambda client, submitted: client.send(fake.pdu(fake.ENQUIRE | fake.NACK, 0, submitted.sequence)),
    )

    assert unclear(hasty.submit(PLAIN))
    assert unclear(hasty.submit(PLAIN))


@pytest.mark.parametrize("end", [fake.hangs_up, fake.says_good_bye])
def test_when_the_connection_is_lost_exactly_those_in_flight_are_unknown(peer: Smsc, end: fake.Play) -> None:
    taken = threading.Event()

    def waits_then_ends(client: fake.Client, submitted: fake.Submitted) -> None:
        taken.wait(5)
        end(client, submitted)

    peer.plays(fake.Smsc.takes.__get__(peer), fake.stays_silent, fake.stays_silent, waits_then_ends)
    with gateway(peer, window=3, response_timeout=5, reconnect=60) as main, ThreadPoolExecutor(8) as pool:
        first = main.submit(PLAIN)
        others = [pool.submit(main.submit, PLAIN) for _ in range(7)]
        assert peer.waits(lambda: len(peer.seen) == 4)
        time.sleep(0.02)  # the other four wait for room in the window
        taken.set()
        results = [one.result(10) for one in others]

    assert first.outcome is Outcome.ACCEPTED
    assert sum(unclear(result) for result in results) == 3
    assert [result.code for result in results if not unclear(result)] == ["not_sent"] * 4
    assert len(peer.seen) == 4


def test_a_lost_connection_comes_back(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.hangs_up)

    assert unclear(main.submit(PLAIN))
    peer.bound(count=2)

    assert peer.waits(lambda: main.submit(PLAIN).outcome is Outcome.ACCEPTED)


def test_a_reset_in_the_middle_of_an_answer_is_survived(main: Gateway, peer: Smsc) -> None:
    def half(client: fake.Client, submitted: fake.Submitted) -> None:
        client.send(fake.pdu(fake.SUBMIT | fake.NACK, 0, submitted.sequence, b"half")[:9])
        client.reset()

    peer.plays(half)

    assert unclear(main.submit(PLAIN))
    assert peer.waits(lambda: main.submit(PLAIN).outcome is Outcome.ACCEPTED)


def test_while_nobody_listens_nothing_is_sent(peer: Smsc) -> None:
    with gateway(peer, port=closed_port()) as main:
        result = main.submit(PLAIN)

    assert (result.outcome, result.code) == (Outcome.RETRY, "not_sent")


def test_a_wrong_password_stops_the_road_and_is_not_tried_again_and_again(
    peer: Smsc, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway(peer, password="wrong-password") as main:
        results = [main.submit(PLAIN) for _ in range(5)]
        time.sleep(0.1)

    assert {(result.outcome, result.error) for result in results} == {(Outcome.REJECTED, ErrorClass.ROUTE_STOP)}
    assert len(peer.binds) == 1
    assert "smpp bind refused" in caplog.text
    assert "wrong-password" not in caplog.text + repr(results) + repr(main.__dict__["_terms"])


def test_an_smsc_that_thinks_we_are_bound_is_given_time(peer: Smsc) -> None:
    peer.bind_statuses.extend([5] * 9)
    with gateway(peer) as main:
        assert main.submit(PLAIN).code == "not_sent"
        time.sleep(0.1)

    assert len(peer.binds) == 1


def test_other_trouble_at_the_bind_is_tried_again(peer: Smsc) -> None:
    peer.bind_statuses.extend([8, 8])
    with gateway(peer) as main:
        assert peer.waits(lambda: main.submit(PLAIN).outcome is Outcome.ACCEPTED)

    assert len(peer.binds) == 3


def test_more_than_the_window_is_never_open(peer: Smsc) -> None:
    open_now, most, lock = [0], [0], threading.Lock()

    def slowly(client: fake.Client, submitted: fake.Submitted) -> None:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])

        def answer() -> None:
            with lock:
                open_now[0] -= 1
            client.answer(submitted, 0, "x")

        threading.Timer(0.02, answer).start()

    peer.always = slowly
    with gateway(peer, window=4) as main, ThreadPoolExecutor(12) as pool:
        results = list(pool.map(main.submit, [PLAIN] * 24))

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert 2 <= most[0] <= 4


def test_when_the_first_part_is_refused_no_other_leaves(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.refuses(fake.BAD_NUMBER))

    result = main.submit(LONG)

    assert (result.outcome, result.parts, len(peer.seen)) == (Outcome.REJECTED, (), 1)


def test_a_later_part_that_is_throttled_is_tried_again_alone(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.says("a"), fake.refuses(0x58), fake.says("b"), fake.says("c"))

    result = main.submit(LONG)

    assert result.outcome is Outcome.ACCEPTED
    assert [part.provider_id for part in result.parts] == ["a", "c", "b"]


def test_half_a_text_is_unknown_and_never_repeated_blindly(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.says("a"), fake.refuses(fake.SYSTEM_ERROR), fake.says("c"))

    result = main.submit(LONG)

    assert (result.outcome, result.code, result.provider_id) == (Outcome.UNKNOWN, "partial", "a")
    assert [part.state for part in result.parts] == [State.ACCEPTED, State.REJECTED, State.ACCEPTED]
    assert "2 of 3 parts" in result.text


def test_half_a_text_that_is_refused_for_good_is_refused(main: Gateway, peer: Smsc) -> None:
    peer.plays(fake.says("a"), fake.refuses(fake.BAD_NUMBER), fake.says("c"))

    assert main.submit(LONG).error is ErrorClass.PERMANENT


def test_a_silent_link_is_tested_and_kept(peer: Smsc) -> None:
    with gateway(peer, enquire_link=0.05) as main:
        main.submit(PLAIN)
        time.sleep(0.3)

    assert len(peer.binds) == 1


def test_a_link_without_a_sign_of_life_is_dropped_and_made_anew(peer: Smsc) -> None:
    peer.answers_enquiries = False
    with gateway(peer, enquire_link=0.05, response_timeout=0.05) as main:
        main.submit(PLAIN)

        assert peer.bound(count=2)


def test_the_smsc_s_own_requests_are_answered(main: Gateway, peer: Smsc) -> None:
    main.submit(PLAIN)
    client = peer.bound()
    client.send(fake.pdu(fake.ENQUIRE, 0, 7) + fake.pdu(0x1234, 0, 8) + fake.pdu(0x102, 0, 9))

    assert peer.waits(lambda: len(peer.others) == 2)
    assert peer.others == [(fake.ENQUIRE | fake.NACK, 0, 7), (fake.NACK, 3, 8)]
    assert main.submit(PLAIN).outcome is Outcome.ACCEPTED


def test_a_good_bye_is_answered_and_we_come_back(main: Gateway, peer: Smsc) -> None:
    main.submit(PLAIN)
    peer.bound().send(fake.pdu(fake.UNBIND, 0, 5))

    peer.bound(count=2)
    assert peer.others == [(fake.UNBIND | fake.NACK, 0, 5)]


def test_closing_says_good_bye_and_nothing_else(peer: Smsc, caplog: pytest.LogCaptureFixture) -> None:
    with gateway(peer) as main:
        main.submit(PLAIN)
    assert caplog.text == ""

    assert peer.waits(lambda: len(peer.others) == 1)  # a busy SMSC reads it later than we leave
    assert [command for command, _, _ in peer.others] == [fake.UNBIND]
    assert main.submit(PLAIN).outcome is Outcome.ACCEPTED  # whoever submits again is bound again
    main.close()


def test_a_pair_sends_by_its_transmitter(peer: Smsc) -> None:
    with gateway(peer, bind="pair") as main:
        assert main.submit(PLAIN).outcome is Outcome.ACCEPTED
        peer.bound("receiver")

    assert {role for role, _ in peer.binds} == {"transmitter", "receiver"}


@pytest.mark.parametrize("length", [0, 15, 70_001, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_link_and_only_the_link(main: Gateway, peer: Smsc, length: int) -> None:
    def lies(client: fake.Client, submitted: fake.Submitted) -> None:
        client.send(struct.pack(">IIII", length, fake.SUBMIT | fake.NACK, 0, submitted.sequence) + b"x" * 50)

    peer.plays(lies)

    assert unclear(main.submit(PLAIN))
    assert peer.waits(lambda: main.submit(PLAIN).outcome is Outcome.ACCEPTED)
    assert (fake.NACK, 2, 0) in peer.others


def test_whatever_bytes_come_the_next_text_is_sent(peer: Smsc) -> None:
    dice = random.Random(8)
    with gateway(peer, response_timeout=0.05) as main:
        for _ in range(runs(25, 400)):
            junk = bytes(dice.randrange(256) for _ in range(dice.randrange(60)))
            commands = (5, 0x103, 0x80000004, 0x80000009, 0x80000000, 0x15, dice.randrange(2**32))
            framed = fake.pdu(dice.choice(commands), dice.choice((0, 8)), dice.randrange(4), junk)
            peer.plays(fake.sends(framed if dice.random() < 0.8 else junk))
            main.submit(PLAIN)

        peer.script.clear()
        assert peer.waits(lambda: main.submit(PLAIN).outcome is Outcome.ACCEPTED)


def test_an_smsc_that_is_no_smsc_is_left_alone(peer: Smsc) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            sock, _ = other.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with gateway(peer, port=other.getsockname()[1], reconnect=60) as main:
            assert main.submit(PLAIN).code == "not_sent"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody but its owner trusts, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smsc.example")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "smsc.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


def test_a_text_travels_by_tls_to_an_smsc_we_trust_and_to_no_other(peer: Smsc, certificate: Path) -> None:
    peer.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    peer.tls.load_cert_chain(certificate)

    with gateway(peer, tls=True, tls_ca=str(certificate)) as main:
        assert main.submit(LONG).outcome is Outcome.ACCEPTED
    with gateway(peer, tls=True, reconnect=60) as main:
        assert main.submit(PLAIN).code == "not_sent"
    with gateway(peer, reconnect=60) as main:
        assert main.submit(PLAIN).code == "not_sent"

    assert len(peer.binds) == 1


def test_after_a_throttle_the_whole_bind_rests(peer: Smsc) -> None:
    peer.plays(fake.refuses(fake.THROTTLED))
    with gateway(peer, throttle_pause=0.2) as main:
        main.submit(PLAIN)
        began = time.monotonic()
        assert main.submit(PLAIN).outcome is Outcome.ACCEPTED

    assert time.monotonic() - began > 0.15


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"long": "cut"}, "long must be one of udh, udh16, sar, payload."),
        ({"window": 0}, "window must be a number from 1 to 1000."),
        ({"window": "many"}, "window must be a number"),
        ({"response_timeout": 60}, "response_timeout must be a number from 0.05 to 20."),
        ({"source_ton_npi": "5"}, "source_ton_npi must be two numbers"),
        ({"statuses": {"0x1": "maybe"}}, "'maybe' must be one of"),
        ({"statuses": {"x": "retry"}}, "'x' is no number"),
        ({"statuses": "retry"}, "statuses must be a table"),
        ({"password": "Grüße"}, "password must be plain ASCII."),
        ({"password": "x" * 65}, "The sign-in does not fit into a bind"),
        ({"tls": "yes"}, "tls must be true or false."),
        ({"tls": True, "tls_ca": "no-such-file.pem"}, "tls_ca cannot be read"),
    ],
)
def test_a_wrong_setting_is_told_before_anything_starts(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        gateways.build("smpp", "main", {"host": "x.example", "system_id": "us", "password": "secret", **setting})
