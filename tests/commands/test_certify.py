"""Certificates, test texts and balances from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certify.memory import PHONE
from certify.provider import Provider, provider
from certify.smsc import Smsc, deliver_body, receipt_text, smsc
from cli import main
from tests.fakes.service import Service, running
from tests.fakes.world import RULES, World

SETTINGS = """
mode = "{mode}"
allow = ["+447700900123"]
port = {port}
database = "sqlite:///{folder}/world.db"
rules = "{folder}/rules.yaml"
[gateways.elks]
kind = "46elks"
username = "u"
password = "a-long-password"
base_url = "{url}"
[gateways.carrier]
kind = "smpp"
host = "127.0.0.1"
port = {smsc}
system_id = "us"
password = "secret"
[routes]
order = ["elks"]
"""


@pytest.fixture
def stub() -> Iterator[Provider]:
    with provider() as there:
        yield there


@pytest.fixture
def carrier() -> Iterator[Smsc]:
    with smsc() as there:
        yield there


def folder_in(tmp_path: Path, stub: Provider, carrier: Smsc, mode: str = "allowlist") -> Path:
    with World(tmp_path):
        pass
    words = {"mode": mode, "folder": tmp_path, "url": stub.url, "smsc": carrier.port, "port": 9}
    (tmp_path / "tidings.toml").write_text(SETTINGS.format(**words), encoding="utf-8")
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path, stub: Provider, carrier: Smsc) -> Path:
    return folder_in(tmp_path, stub, carrier)


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "gateways", *words])


def states(folder: Path) -> list[str]:
    with World(folder) as world:
        return world.states


def test_a_configured_gateway_is_certified_with_its_own_settings_and_nothing_leaves(
    folder: Path, stub: Provider
) -> None:
    done = run(folder, "certify", "elks", "--out", str(folder / "elks.json"))

    assert done.exit_code == 0, done.output
    said = json.loads((folder / "elks.json").read_text("utf-8"))
    assert (said["gateway"], said["kind"], said["settings"]) == ("elks", "46elks", "those of the account")
    assert "a-long-password" not in json.dumps(said)
    assert stub.count == 0


def test_a_profile_of_ones_own_is_certified_by_its_path_and_a_broken_one_says_where(folder: Path) -> None:
    import gateways

    whole = (gateways.HERE / "46elks.yaml").read_text("utf-8").replace("gateway: 46elks", "gateway: mine")
    (folder / "mine.yaml").write_text(whole.replace("failed: failed", "failed: delivered"), "utf-8")
    done = run(folder, "certify", str(folder / "mine.yaml"), "--out", str(folder / "mine.md"))
    assert done.exit_code == 1
    assert "**failed** | failed: 1 found" in (folder / "mine.md").read_text("utf-8")

    (folder / "mine.yaml").write_text(whole.replace("number_format: e164", "number_format: e614"), "utf-8")
    done = run(folder, "certify", str(folder / "mine.yaml"))
    assert done.exit_code == 1
    assert "number_format: 'e614' is none of e164, digits" in done.output


def test_a_gateway_nobody_knows_is_answered_with_those_that_there_are(folder: Path) -> None:
    done = run(folder, "certify", "nope")

    assert done.exit_code == 2
    assert "Known: elks, carrier, 46elks," in done.output


def test_a_test_text_goes_out_by_that_gateway_and_is_on_the_record(folder: Path, stub: Provider) -> None:
    stub.answer(200, {"id": "s1", "status": "created"})

    done = run(folder, "test", "elks", "--to", PHONE)

    assert done.exit_code == 0, done.output
    assert "taken by the gateway" in done.output
    assert [line for line in done.output.splitlines() if "attempt" in line and "elks" in line]
    assert dict(stub.seen[0].form)["message"] == "Tidings: this is a test of elks."
    assert states(folder) == ["accepted"]


def test_a_test_text_over_smpp_is_followed_until_its_receipt(folder: Path, carrier: Smsc) -> None:
    def take(client: object, submitted: object) -> None:
        carrier.takes(client, submitted)  # type: ignore[arg-type]
        client.deliver(deliver_body(receipt_text("id-1"), PHONE[1:].encode(), b"1", esm_class=4))  # type: ignore[attr-defined]

    carrier.always = take

    done = run(folder, "test", "carrier", "--to", PHONE, "--wait", "5")

    assert done.exit_code == 0, done.output
    assert "The text is delivered." in done.output
    assert states(folder) == ["delivered"]


def test_a_refused_test_text_says_why_and_does_not_wait_to_leave_later(folder: Path, stub: Provider) -> None:
    stub.answer(401, "")

    done = run(folder, "test", "elks", "--to", PHONE)

    assert done.exit_code == 1
    assert "46elks refuses the user name or password." in done.output
    assert states(folder) == ["cancelled"]


@pytest.mark.parametrize(
    ("mode", "number", "why"),
    [("sink", PHONE, "keeps every text on this machine"), ("allowlist", "+447700900199", "in `allow` only")],
)
def test_the_mode_forbids_a_test_text(
    tmp_path: Path, stub: Provider, carrier: Smsc, mode: str, number: str, why: str
) -> None:
    folder = folder_in(tmp_path, stub, carrier, mode)

    done = run(folder, "test", "elks", "--to", number)

    assert done.exit_code == 1
    assert why in done.output
    assert (stub.count, states(folder)) == (0, [])


def test_the_running_service_sends_the_test_text_and_takes_its_receipt(tmp_path: Path) -> None:
    service = Service(tmp_path, rules=RULES, settings={"mode": "live"}, gateways={"own": {"kind": "console"}})
    with running(service):
        done = run(tmp_path, "test", "own", "--to", PHONE, "--wait", "10")

    assert done.exit_code == 0, done.output
    assert "The running service is asked to hand it to own." in done.output
    assert "The text is delivered." in done.output


def test_a_live_certificate_texts_the_phone_and_knocks_with_a_wrong_secret(folder: Path, stub: Provider) -> None:
    for number in range(3):
        stub.answer(200, {"id": f"s{number}", "status": "created"})
    stub.answer(401, "")
    stub.answer(200, {"balance": 125000, "currency": "SEK"})

    done = run(folder, "certify", "elks", "--live", PHONE, "--out", str(folder / "elks.json"))

    said = json.loads((folder / "elks.json").read_text("utf-8"))
    live = {row["check"]: row["verdict"] for row in said["checks"] if row["group"] == "the real provider"}
    assert live["a-plain-text"] == live["real-sign-in"] == live["real-balance"] == "passed"
    assert live["receipt-a-plain-text"] == "failed"  # no service runs that could take it
    assert done.exit_code == 1
    assert said["against"].endswith("••23")
    assert states(folder) == ["accepted"] * 3


def test_the_balance_is_asked_for_and_remembered(folder: Path, stub: Provider) -> None:
    stub.answer(200, {"balance": 125000, "currency": "SEK"})

    asked = run(folder, "balance")

    assert asked.output.splitlines() == ["elks             12.5 SEK", "carrier          The provider does not say."]
    assert "12.5 SEK left at " in run(folder, "list").output
    stub.answer(500, "")
    assert run(folder, "balance", "elks").output == "elks             The provider does not say.\n"
    assert "12.5 SEK left at " in run(folder, "list").output
