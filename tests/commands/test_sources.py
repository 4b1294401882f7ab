"""A source looked into from the command line: why a request was refused, what a poll would bring, how it is set up."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit import last_refused
from audit.store import Store
from cli import main
from connectors.generic import Generic
from inbound.diagnosing import diagnose
from inbound.hooks import Door
from inbound.sources import Source
from inbound.trying import words_of
from model.event import Incoming
from tests.fakes.answering import answering
from wire.http import Reply

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "whsec_c3RvcmllcyBhcmUgdG9sZCB3aXRoIHRoaXMga2V5Lg=="
OTHER = "whsec_b3RoZXIgc3RvcmllcyBuZWVkIGFub3RoZXIga2V5Lg=="
OTHERS = 'connector = "generic"\nsecret = "env:NOBODY_SET_THIS"\n'
BODY = b'{"type": "order.created", "timestamp": "2026-11-23T09:00:00Z", "data": {"id": "A7"}}'


def shop(*secrets: str, **settings: str) -> Source:
    return Source(
        name="shop",
        connector=Generic(settings or {"verify": "standard_webhooks"}),
        secrets=list(secrets or (SECRET,)),
    )


def request(source: Source, secret: str = SECRET, body: bytes = BODY, now: datetime = NOW) -> Incoming:
    incoming = Incoming(
        source="shop", url="https://tidings.example/hooks/shop", body=body, received_at=NOW,
        headers={"webhook-id": "msg_1", "content-type": "application/json"},
    )  # fmt: skip
    return source.connector.sign(incoming, secret, now)


def test_a_genuine_request_is_said_to_be_and_by_which_secret() -> None:
    source = shop(OTHER, SECRET)

    assert diagnose(source, request(source), NOW) == ("It is genuine by secret 2 of 2: it would be taken now.",)


def test_a_clock_that_is_wrong_is_told_with_how_much() -> None:
    source = shop()

    said = diagnose(source, request(source, now=NOW - timedelta(hours=1)), NOW)

    assert "3600 s behind our clock" in said[1]


@pytest.mark.parametrize(
    ("arrives", "says"),
    [
        (BODY + b"\n", "without the line break at its end"),
        (json.dumps(json.loads(BODY), separators=(",", ":")).encode(), "as JSON with spaces"),
        (b"\xef\xbb\xbf" + BODY, "without a byte order mark"),
    ],
)
def test_a_body_that_was_changed_on_the_way_is_told(arrives: bytes, says: str) -> None:
    source = shop()

    said = diagnose(source, replace(request(source), body=arrives), NOW)

    assert f"The signature fits the body {says}" in said[1]


@pytest.mark.parametrize(
    ("signed", "arrives", "says"),
    [
        (b'{"id":\r\n"A7"}', b'{"id":\n"A7"}', "with line breaks as \\r\\n"),
        (b'{"id":\n"A7"}', b'{"id":\r\n"A7"}', "with line breaks as \\n"),
    ],
)
def test_line_breaks_that_a_proxy_wrote_its_own_way_are_told(signed: bytes, arrives: bytes, says: str) -> None:
    source = shop()

    said = diagnose(source, replace(request(source, body=signed), body=arrives), NOW)

    assert f"The signature fits the body {says}" in said[1]


def test_an_address_that_was_signed_otherwise_is_told() -> None:
    source = shop(SECRET, verify="hmac", header="x-proof", signed="{url}{body}")
    ours = request(source)

    said = diagnose(source, replace(ours, url="http://tidings.example/hooks/shop"), NOW)

    assert "It was signed for https://tidings.example/hooks/shop" in said[1]


def test_a_secret_that_ends_with_a_line_break_at_the_sender_is_told() -> None:
    source = shop("s3cret", verify="hmac", header="x-proof", signed="{body}")

    said = diagnose(source, request(source, "s3cret\n"), NOW)

    assert "The sender's secret ends with a line break: set it there again." in said[1]


def test_another_secret_is_told_and_no_secret_is_shown() -> None:
    source = shop(SECRET + "\n")

    padded = diagnose(source, request(shop()), NOW)
    wrong = diagnose(shop(), request(shop(), OTHER), NOW)
    missing = diagnose(shop(), replace(request(shop()), headers={"x-signature-v1": "1"}), NOW)

    assert "spaces, a line break or quotes" in padded[1]
    assert "another secret" in wrong[1]
    assert "x-signature-v1" in missing[1]
    assert not [word for word in (*padded, *wrong, *missing) if "whsec" in word or "c3Rv" in word]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "invalid_grant", "error_description": "The token has ended."}, "The token has ended."),
        ([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired"}], "Session expired"),
        ({"errors": [{"detail": "No such order"}]}, "No such order"),
        ({"message": "The key s3cret is not known"}, "The key *** is not known"),
        ({"status": 500}, ""),
    ],
)
def test_what_a_system_says_to_people_is_found_in_its_answer_and_nothing_secret(answer: object, words: str) -> None:
    assert words_of(Reply(status=401, body=json.dumps(answer).encode()), ["s3cret"]) == words


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ["[sources.shop]", 'connector = "generic"', 'verify = "standard_webhooks"', f'secret = "{SECRET}"']
    lines = [f'database = "sqlite:///{tmp_path}/tidings.db"', 'public_url = "https://tidings.example"', *lines]
    (tmp_path / "tidings.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path


def run(folder: Path, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "sources", *words], input=given)


def test_the_newest_refused_request_is_explained_and_nothing_secret_is_kept(folder: Path) -> None:
    store, ids = Store(folder / "tidings.db"), iter(f"e{n}" for n in range(99))
    door = Door(
        sources={"shop": shop()}, store=store, new_id=lambda _: next(ids), clock=lambda: NOW, on_accepted=lambda: None
    )
    late = replace(request(shop(), now=NOW - timedelta(days=1)), body=BODY)
    for _ in range(3):
        assert door.receive(late).status == 401
    store.write(lambda tx: None)  # what is written without waiting is written by now
    with store.read() as tx:
        seen = last_refused.of(tx, "shop")
    store.close()

    result = run(folder, "check", "shop")

    assert seen is not None
    assert (seen.reason, seen.size) == ("stale_signature", len(BODY))
    assert result.exit_code == 1
    assert "86400 s behind our clock" in result.output
    kept = b"".join(path.read_bytes() for path in folder.glob("tidings.db*"))
    assert BODY not in kept
    assert late.headers["webhook-signature"].encode() not in kept


def test_a_saved_request_is_explained(folder: Path) -> None:
    genuine = request(shop(), now=datetime.now(UTC))
    head = "\r\n".join(["POST /hooks/shop HTTP/1.1", *(f"{name}: {value}" for name, value in genuine.headers.items())])
    (folder / "good.txt").write_bytes(head.encode() + b"\r\n\r\n" + BODY)
    (folder / "bad.txt").write_bytes(head.encode() + b"\r\n\r\n" + BODY + b" ")

    good, bad = (run(folder, "check", "shop", "--request", str(folder / name)) for name in ("good.txt", "bad.txt"))

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "It is genuine" in good.output
    assert SECRET not in bad.output


def polled(folder: Path, address: str) -> None:
    rules = (
        "version: 1\ndefaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore}\nrules:\n"
        "  - {id: order, event: order.created, to: [phone], text: 'Order {{ number }} is confirmed.', max_age: 999d}\n"
    )
    (folder / "rules.yaml").write_text(rules, "utf-8")
    with (folder / "tidings.toml").open("a", encoding="utf-8") as file:
        file.write(f"""
[sources.erp]
connector = "http_poll"
url = "{address}/api/orders"
token = "not-a-real-token"
key = "id"
status = "state"
types = {{open = "order.created"}}
""")
    text = (folder / "tidings.toml").read_text("utf-8")
    (folder / "tidings.toml").write_text(f'rules = "{folder}/rules.yaml"\n' + text, "utf-8")


def test_a_poll_is_tried_without_leaving_a_trace_and_then_done(folder: Path) -> None:
    orders = [{"id": 1, "number": "A1", "state": "open", "phone": "0171 3920012"}]
    with answering(lambda _: (200, orders)) as system:
        polled(folder, system.address)
        first = run(folder, "poll", "erp")
        orders.append({"id": 2, "number": "A2", "state": "open", "phone": "0171 3920013"})
        tried = [run(folder, "poll", "erp", "--dry-run") for _ in range(2)]
        told = run(folder, "poll", "erp")
        again = run(folder, "poll", "erp", "--json")

    assert "set the baseline" in first.output
    assert all("Order A2 is confirmed." in one.output for one in tried), tried[0].output
    assert "+49171" not in tried[0].output
    assert "1 new event(s)" in told.output
    assert json.loads(again.output)["fresh"] == 0


def test_a_key_without_a_permission_is_explained_in_the_systems_own_words(folder: Path) -> None:
    sentence = "Token not-a-real-token lacks orders.read"
    with answering(lambda _: (403, {"error": {"message": sentence}})) as system:
        polled(folder, system.address)
        checked, polled_now = run(folder, "check", "erp"), run(folder, "poll", "erp")

    assert (checked.exit_code, polled_now.exit_code) == (1, 1)
    assert "403       GET 127.0.0.1/api/orders: the key is known and may not do this" in checked.output
    assert "it says: Token *** lacks orders.read" in checked.output
    assert "not-a-real-token" not in checked.output


def test_a_system_that_is_not_there_is_told_apart_from_one_that_refuses(folder: Path) -> None:
    with answering(lambda _: (200, [])) as system:
        polled(folder, system.address)

    assert "nothing arrived there" in run(folder, "check", "erp").output


def test_a_source_is_added_without_touching_what_stands_in_the_file(folder: Path) -> None:
    path = folder / "tidings.toml"
    path.write_text(path.read_text("utf-8") + "# a remark that stays\n[sources.other]\n" + OTHERS, "utf-8")
    before = path.read_text("utf-8")

    result = run(folder, "add", "erp", "--connector", "woocommerce", "--generate-secret", "--yes",
                 "--set", "shop_url=https://shop.example", "--set", "consumer_key=env:ERP_KEY")  # fmt: skip

    assert result.exit_code == 0, result.output
    after = path.read_text("utf-8")
    assert after.startswith(before)
    assert tomllib.loads(after)["sources"]["erp"] == {
        "connector": "woocommerce", "secret": "env:ERP_SECRET", "shop_url": "https://shop.example",
        "consumer_key": "env:ERP_KEY",
    }  # fmt: skip
    assert "https://tidings.example/hooks/erp" in result.output
    assert "export ERP_SECRET='" in result.output
    assert "Set the variable ERP_KEY" in result.output
    assert result.output.split("ERP_SECRET='")[1].split("'")[0] not in after


def test_the_first_event_is_waited_for_though_the_secret_was_made_up_a_moment_ago(folder: Path) -> None:
    result = run(folder, "add", "erp", "--connector", "woocommerce", "--generate-secret", "--yes", "--wait", "1",
                 "--set", "consumer_key=env:ERP_KEY")  # fmt: skip

    assert "Waiting up to 1 s for the first event" in result.output
    assert "Nothing came. tidings sources check erp looks again." in result.output


def test_a_person_is_asked_for_each_setting_with_its_sentence(folder: Path) -> None:
    answers = "\n".join(["", "n", "", "https://shop.example", "env:KEY", "env:OTHER_KEY", "10m", *[""] * 9])

    result = run(folder, "add", "erp", "--connector", "woocommerce", given=answers)

    assert result.exit_code == 0, result.output
    assert "shop_url: Poll: the shop's address" in result.output
    added = tomllib.loads((folder / "tidings.toml").read_text("utf-8"))["sources"]["erp"]
    assert (added["shop_url"], added["consumer_secret"], added["poll_every"]) == (
        "https://shop.example", "env:OTHER_KEY", "10m",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["shop", "--connector", "generic"], "There is a source shop already."),
        (["a b", "--connector", "generic"], "part of its address"),
        (["new", "--connector", "shopfy"], "There is no connector shopfy"),
        (["new", "--connector", "http_poll", "--yes"], "url is needed"),
        (["new", "--connector", "woocommerce", "--yes", "--set", "shop=1"], "no setting 'shop'"),
        (["new", "--connector", "woocommerce", "--yes", "--secret", "my own secret"], "does not belong here"),
        (["new", "--connector", "generic", "--yes", "--set", "verify=magic"], "verify"),
    ],
)
def test_what_cannot_be_added_is_told_and_nothing_is_written(folder: Path, words: list[str], says: str) -> None:
    before = (folder / "tidings.toml").read_text("utf-8")

    result = run(folder, "add", *words)

    assert result.exit_code == 1
    assert says in result.output
    assert (folder / "tidings.toml").read_text("utf-8") == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
