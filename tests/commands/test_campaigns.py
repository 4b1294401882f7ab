"""A campaign from the command line: read, prepare, preview, approve, start, pause, cancel."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

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
    assert (folder / "bad.csv").read_text("utf-8").splitlines()[1].startswith("5,phone,'hello,")

    said = [
        run(folder, "prepare", "winter-sale", found, "--by", "Mara").output,
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
