"""Looking after webhooks from the command line, and the settings behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from standardwebhooks import Webhook as Official

import settings
from audit import webhooks
from certify.provider import Provider, provider
from cli import main
from dispatch.telling import Teller
from model.reasons import ConfigError
from running import configured
from tests.fakes.world import World, delivered

SECRET = "whsec_Y29tbWFuZHMgYXJlIHRlc3RlZCB3aXRoIHRoaXMga2V5"
WEBHOOK = """
[webhooks.crm]
url = "{url}/crm-path?key=hunter2"
secret = "env:CRM_SECRET"
events = ["message.delivered"]
allow_private = true
"""


@pytest.fixture
def receiver() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, receiver: Provider, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database in which one webhook took one telling and was refused another."""
    monkeypatch.setenv("CRM_SECRET", SECRET)
    config = f'database = "sqlite:///{tmp_path}/world.db"\n{WEBHOOK.format(url=receiver.url)}'
    (tmp_path / "tidings.toml").write_text(config, encoding="utf-8")
    with World(tmp_path) as world:
        found = configured.webhooks_of(settings.load(tmp_path / "tidings.toml", {"CRM_SECRET": SECRET}))
        teller = Teller(webhooks=found, store=world.store, new_id=world.ids)
        teller.prepare(world.now)
        receiver.answer(200)
        receiver.answer(422, "no such order")
        for number in (1, 2):
            world.order(f"A{number}")
            world.step()
            world.receipt(delivered(f"main-{number}"))
            teller.tell_due(world.now)
            teller.deliver_due(world.now)
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "webhooks", *words])


def objects(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_the_list_says_how_each_webhook_does(folder: Path, receiver: Provider) -> None:
    (row,) = objects(run(folder, "list", "--json"))

    assert (row["name"], row["state"], row["address"]) == ("crm", "failing", receiver.url)
    assert (row["waiting"], row["given_up"], row["events"]) == (1, 0, ["message.delivered"])
    assert row["told_at"] == "2026-11-23T11:00:00+00:00"


def test_what_was_told_can_be_looked_at_down_to_the_answer(folder: Path) -> None:
    newest, older = objects(run(folder, "show", "crm", "--json"))
    assert (newest["state"], newest["status"], newest["tries"]) == ("waiting", 422, 1)
    assert (older["state"], older["status"], older["type"]) == ("told", 200, "message.delivered")
    assert objects(run(folder, "show", "crm", "--state", "told", "--json")) == [older]

    shown = run(folder, "telling", str(newest["id"]))

    assert '"type":"message.delivered"' in shown.output
    assert "422" in shown.output
    assert "no such order" in shown.output
    assert json.loads(run(folder, "telling", str(newest["id"]), "--json").output)["failures"][0]["status"] == 422


def test_a_trial_posts_a_signed_event_and_tells_the_answer(folder: Path, receiver: Provider) -> None:
    receiver.answer(202, "thank you")
    good = run(folder, "test", "crm")
    receiver.answer(500)
    bad = run(folder, "test", "crm")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert good.output == "Answer 202 thank you\n"
    seen = receiver.seen[-2]
    assert Official(SECRET).verify(seen.body, dict(seen.headers))["type"] == "webhook.test"
    assert seen.query == {"key": "hunter2"}


def test_a_receiver_that_is_not_there_is_named_without_its_path(folder: Path, receiver: Provider) -> None:
    receiver.stop()

    result = run(folder, "test", "crm")

    assert result.exit_code == 1
    assert "No answer: 127.0.0.1: ConnectionRefusedError." in result.output


def test_disabling_enabling_and_replaying_are_on_the_record(folder: Path) -> None:
    assert run(folder, "disable", "crm", "--by", "Kim").exit_code == 0
    (row,) = objects(run(folder, "list", "--json"))
    assert (row["state"], row["why"]) == ("disabled", "By Kim.")
    assert "disabled already" in run(folder, "disable", "crm").output

    assert run(folder, "enable", "crm", "--by", "Kim").output == "crm is told again.\n"
    assert run(folder, "replay", "crm", "--since", "2026-11-23T10:00Z", "--all", "--by", "Kim").output.startswith("1 ")
    assert run(folder, "replay", "crm", "--since", "9999d").output.startswith("0 ")

    with World(folder) as world:
        assert [reason for _, reason in world.journal("operator")] == [
            "webhook disabled", "webhook enabled", "webhook replayed", "webhook replayed",
        ]  # fmt: skip
        with world.store.read() as tx:
            assert {row["state"] for row in webhooks.tellings(tx, "crm", "", 9)} == {"waiting"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "crn"), "There is no webhook crn in the settings. Known: crm."),
        (("telling", "w0"), "There is no telling w0."),
        (("replay", "crm", "--since", "lunch"), "'lunch' is neither a time nor a duration"),
    ],
)
def test_mistakes_are_told(folder: Path, words: tuple[str, ...], said: str) -> None:
    result = run(folder, *words)

    assert result.exit_code in {1, 2}
    assert said in result.output


def test_a_new_secret_is_one_that_is_taken(folder: Path) -> None:
    first, second = (run(folder, "new-secret").output.strip() for _ in range(2))

    assert first != second
    config = settings.load(folder / "tidings.toml", {"CRM_SECRET": first})
    assert configured.webhooks_of(config)["crm"].secrets == (first,)


def test_no_secret_is_ever_printed(folder: Path) -> None:
    newest = objects(run(folder, "show", "crm", "--json"))[0]["id"]
    said = ""
    for words in (
        ("list",), ("list", "--json"), ("show", "crm"), ("telling", str(newest)), ("telling", str(newest), "--json"),
        ("test", "crm"), ("disable", "crm"), ("enable", "crm"), ("replay", "crm", "--since", "1d"), ("show", "x"),
    ):  # fmt: skip
        said += run(folder, *words).output

    assert "crm" in said
    for word in (SECRET, SECRET.removeprefix("whsec_"), "hunter2", "crm-path"):
        assert word not in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("message.delivered", "message.deliverd", "which is no event. Did you mean message.delivered?"),
        ('events = ["message.delivered"]', "events = []", "webhooks.crm.events"),
        ("allow_private", "allow_privat", "Did you mean allow_private?"),
        ("allow_private = true", 'sources = ["shopp"]\n[sources.shop]\nconnector = "generic"', "Did you mean shop?"),
        ("env:CRM_SECRET", "env:NOT_SET", "webhooks.crm.secret wants the environment variable NOT_SET"),
        ('secret = "env:CRM_SECRET"', "", "The setting webhooks.crm.secret is missing"),
        ('secret = "env:CRM_SECRET"', 'secret = "hunter2"', "webhooks.crm: secret must be whsec_ and the base64"),
        ("allow_private = true", "", "webhooks.crm: url cannot be called: it must begin with https://."),
    ],
)
def test_a_mistake_in_the_settings_is_named(folder: Path, old: str, new: str, said: str) -> None:
    text = (folder / "tidings.toml").read_text(encoding="utf-8")
    (folder / "tidings.toml").write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(ConfigError) as failure:
        configured.webhooks_of(settings.load(folder / "tidings.toml", {"CRM_SECRET": SECRET}))

    assert said in str(failure.value)
    result = run(folder, "list")
    assert result.exit_code == 1
    assert said in result.output


def test_without_a_webhook_the_list_says_where_to_write_one(tmp_path: Path) -> None:
    (tmp_path / "tidings.toml").write_text('mode = "sink"\n', encoding="utf-8")

    assert "No webhook is configured" in run(tmp_path, "list").output
