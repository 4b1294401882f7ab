"""A campaign from the command line: read, prepare, preview, approve, start, pause, cancel."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import Workbook

from audit import caps
from audit.store import Store
from cli import main
from tests.dispatch.test_campaigning import RULES, people
from tests.fakes.world import World


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with World(tmp_path, RULES):
        pass
    config = f'database = "sqlite:///{tmp_path}/world.db"\nrules = "{tmp_path}/rules.yaml"\n'
    (tmp_path / "tidings.toml").write_text(config, "utf-8")
    (tmp_path / "news.csv").write_text(people(3) + "hello,Cleo,DE\r\n", "utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "campaigns", *words])


def read(folder: Path) -> str:
    files = [str(folder / "news.csv"), "--faults", str(folder / "bad.csv")]
    result = run(folder, "read", "winter-sale", *files, "--by", "Mara")
    assert result.exit_code == 1
    return next(line for line in result.output.splitlines() if line.startswith("l")).partition(":")[0]


def test_a_campaign_goes_from_a_file_to_a_start_and_an_end(folder: Path) -> None:
    found = read(folder)
    assert (folder / "bad.csv").read_text("utf-8").splitlines()[1].startswith("hello,Cleo,DE,5,phone,")

    said = [
        run(folder, "prepare", "winter-sale", found, "--by", "Olu").output,
        run(folder, "preview", "winter-sale").output,
        run(folder, "approve", "winter-sale", "--by", "Mara").output,
        run(folder, "approve", "winter-sale", "--by", "Ines").output,
        run(folder, "start", "winter-sale", "--by", "Ines").output,
        run(folder, "pause", "winter-sale", "--by", "Ines").output,
        run(folder, "cancel", "winter-sale", "--by", "Mara").output,
        run(folder, "list").output,
    ]

    assert said[0] == "winter-sale is ready to be previewed and approved.\n"
    assert said[1].startswith("3 people; 0 of them opted out and get nothing.\nLeft out: 0 repeated numbers, 1 rows")
    assert said[2:5] == [
        "Approved by Mara. 1 more have to approve.\n",
        "Approved by Ines. It can be started.\n",
        "winter-sale runs.\n",
    ]
    assert said[5] == "winter-sale is paused.\n"
    assert said[6] == "winter-sale is cancelled; 0 texts that waited do not leave.\n"
    assert "winter-sale  cancelled" in said[7]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["start", "other", "--by", "Mara"], "There is no campaign other."),
        (["read", "order", "{folder}/news.csv", "--by", "Mara"], "The rules have no campaign 'order'."),
        (["prepare", "winter-sale", "l0", "--by", "Mara"], "There is no complete list l0."),
    ],
)
def test_what_does_not_go_is_said_in_a_sentence(folder: Path, words: list[str], sentence: str) -> None:
    result = run(folder, *[word.format(folder=folder) for word in words])

    assert result.exit_code == 1
    assert sentence in result.output


def test_a_workbook_is_looked_at_read_kept_used_again_and_removed(folder: Path) -> None:
    book = Workbook()
    for row in (["Handy", "Vorname"], ["0171 3920001", "Ada"], ["hello", "Bo"]):
        book.active.append(row)
    book.save(folder / "people.xlsx")

    seen = run(folder, "columns", str(folder / "people.xlsx"), "--region", "DE").output
    words = ["--phone", "Handy", "--rename", "Vorname=first_name", "--name", "Friends", "--by", "Mara"]
    told = run(folder, "read", "winter-sale", str(folder / "people.xlsx"), *words)
    found = next(line for line in told.output.splitlines() if line.startswith("l")).partition(":")[0]

    assert "Sheet 'Sheet' of 'Sheet'." in seen
    assert "Handy: phone; 1 of 2 can be texted (first: holds letters, not only a phone number)" in seen
    assert "row 3: Handy 'hello': holds letters, not only a phone number" in told.output
    assert f"{found}: 1 people, 0 repeat a number, 1 cannot be texted." in told.output
    assert "Friends  xlsx  1  0  1  Mara" in of_lists(folder, "list").output
    assert "hello,Bo,3,Handy" in of_lists(folder, "faults", found).output
    assert "xlsx Sheet\n1 people" in of_lists(folder, "show", found).output
    run(folder, "prepare", "winter-sale", found, "--by", "Mara")
    assert "The campaign winter-sale still needs it" in of_lists(folder, "remove", found, "--by", "Mara").output
    run(folder, "cancel", "winter-sale", "--by", "Mara")
    assert of_lists(folder, "remove", found, "--by", "Mara").output == f"{found}: 1 people erased.\n"
    assert of_lists(folder, "list").output == ""


def test_people_are_read_from_where_the_rule_says(folder: Path) -> None:
    (folder / "lists").mkdir()
    (folder / "lists" / "newsletter.csv").write_text(people(3), "utf-8")

    assert "3 people, 0 repeat a number" in run(folder, "read", "winter-sale", "--by", "Mara").output


def test_a_database_is_asked_for_people(folder: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="install the extra: pip install -e .[sql]")
    connection = sqlite3.connect(folder / "shop.db")
    with connection:
        connection.execute("create table people (phone text, first_name text)")
        connection.executemany("insert into people values (?, ?)", [("0171 3920001", "Ada"), ("none", "Bo")])
    connection.close()
    source = f'[sources.shop]\nconnector = "sql_poll"\nurl = "sqlite:///{folder}/shop.db"\ntable = "people"\n'
    with (folder / "tidings.toml").open("a") as file:
        file.write(source + 'key = "phone"\nupdated = "phone"\nstatus = "first_name"\n')
    asked = ["read", "winter-sale", "--source", "shop", "--by", "Mara", "--query"]

    told = run(folder, *asked, "select phone, first_name from people")

    assert "row 2: phone 'none': holds letters" in told.output
    assert "1 people, 0 repeat a number, 1 cannot be texted." in told.output
    assert "Error: shop: Only a SELECT can be asked.\n" in run(folder, *asked, "delete from people").output


def test_the_wrong_rows_of_a_list_that_was_stopped_are_written(folder: Path) -> None:
    words = ["--stop-after", "1", "--faults", str(folder / "bad.csv"), "--by", "Mara"]

    told = run(folder, "read", "winter-sale", str(folder / "news.csv"), *words)

    assert told.exit_code == 1
    assert "Stopped at row 5: a row cannot be texted." in told.output
    assert "hello,Cleo,DE,5" in (folder / "bad.csv").read_text("utf-8")


def of_lists(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(folder / "tidings.toml"), "lists", *words])


def made(folder: Path) -> None:
    assert run(folder, "prepare", "winter-sale", read(folder), "--by", "Olu").exit_code == 0


def test_a_preview_shows_people_texts_and_reasons(folder: Path) -> None:
    made(folder)

    said = run(folder, "preview", "winter-sale", "--all").output
    asked = json.loads(run(folder, "preview", "winter-sale", "--json").output)

    assert "Texts: 3, 3 segments, 3 without a price." in said
    assert "[en] gsm7, 1 segments, 3 people\n  Person0, 20% off until Sunday. Text STOP to leave." in said
    assert (asked["texts"], asked["segments"], asked["skipped"]) == (3, 3, {})


def test_a_test_send_waits_to_leave(folder: Path) -> None:
    made(folder)

    said = run(folder, "test", "winter-sale", "--to", "+491713920099", "--by", "Olu")
    wrong = run(folder, "test", "winter-sale", "--to", "hello", "--by", "Olu")

    assert said.exit_code == 0
    assert said.output.endswith(
        "waits to leave: 1 segments, gsm7.\nPerson0, 20% off until Sunday. Text STOP to leave.\n"
    )
    assert (wrong.exit_code, "The number cannot be texted" in wrong.output) == (1, True)


def test_show_report_change_and_release_say_what_they_did(folder: Path) -> None:
    made(folder)
    for who in ("Mara", "Ines"):
        run(folder, "approve", "winter-sale", "--by", who)
    run(folder, "start", "winter-sale", "--by", "Ines")

    said = [
        run(folder, "change", "winter-sale", "--rate", "50/s", "--by", "Mara").output,
        run(folder, "release", "winter-sale", "--by", "Mara").output,
        run(folder, "show", "winter-sale").output,
        run(folder, "report", "winter-sale").output,
    ]

    assert said[0] == "winter-sale is changed.\n"
    assert said[1].startswith("The caps of winter-sale are lifted until midnight UTC")
    assert "winter-sale: running (version 5)" in said[2]
    assert "Last change: released by Mara" in said[2]
    assert "3 people: 0 planned, 0 get none, 3 to go." in said[2]
    assert "delivered: 0\n" in said[3]
    assert json.loads(run(folder, "report", "winter-sale", "--json").output)["total"]["planned"] == 0
    assert json.loads(run(folder, "show", "winter-sale", "--json").output)["progress"]["rate"] == 50.0
    assert run(folder, "change", "winter-sale", "--by", "Mara").exit_code == 2


def test_watching_ends_when_the_campaign_goes_no_further(folder: Path) -> None:
    made(folder)

    said = run(folder, "show", "winter-sale", "--watch")

    assert said.exit_code == 0
    assert "0 wait, 0 left, 0 delivered, 0 failed" in said.output


def test_caps_are_shown_and_raised_for_today(folder: Path) -> None:
    with closing(Store(folder / "world.db")) as store:
        store.write(lambda tx: caps.put(tx, {"texts": (100, 90)}, None, datetime.now(UTC)))
    config = ["--config", str(folder / "tidings.toml"), "limits"]

    shown = CliRunner().invoke(main, [*config, "show"])
    raised = CliRunner().invoke(main, [*config, "release", "texts", "--more", "50", "--by", "Ines"])
    after = CliRunner().invoke(main, [*config, "show", "--json"])
    unknown = CliRunner().invoke(main, [*config, "release", "texts/FR", "--more", "50", "--by", "Ines"])

    assert shown.output == "texts  0 of 100 texts today\n"
    assert raised.output == "50 more for today under texts; what waits for it goes on.\n"
    assert json.loads(after.output) == {"name": "texts", "used": 0, "most": 150, "bulk": 140}
    assert (unknown.exit_code, "Known: texts." in unknown.output) == (1, True)
