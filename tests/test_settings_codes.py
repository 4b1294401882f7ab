"""What an operator writes about codes, and the sentences for what is wrong with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import settings
from model.reasons import ConfigError
from model.verification import Policy, Rate

GOOD = '[verifications]\npepper = "env:PEPPER"\nhome = ["DE"]\nprice = {"" = 0.09, DE = 0.07}\nspend = 50\n'
PEPPER = "p" * 32


def read(folder: Path, text: str, pepper: str = PEPPER) -> settings.Settings:
    path = folder / "tidings.toml"
    path.write_text(text, "utf-8")
    return settings.load(path, {"PEPPER": pepper})


def test_limits_prices_and_times_are_read(tmp_path: Path) -> None:
    policy = read(tmp_path, GOOD + 'per_number = "3/10m"\ncooldown = "60s"\n').code_policy

    assert policy.per_number == Rate(most=3, within=timedelta(minutes=10))
    assert policy.cooldown == timedelta(minutes=1)
    assert (policy.price_of("DE"), policy.price_of("FR"), policy.spend) == (70_000, 90_000, 50_000_000)


def test_limits_that_nobody_set_are_those_of_the_page(tmp_path: Path) -> None:
    policy = read(tmp_path, '[verifications]\npepper = "env:PEPPER"\nhome = ["DE"]\n').code_policy
    page = (Path(__file__).parents[1] / "docs" / "verifications.md").read_text("utf-8")

    assert policy == Policy(home=frozenset({"DE"}), countries=policy.countries)
    for name, limit in (
        ("20/1h", policy.per_origin),
        ("5/1h", policy.per_number),
        ("100/24h", policy.wrong),
        ("30/1h", policy.per_prefix),
        ("2000/24h, 100/24h", policy.per_country),
    ):
        assert f"| {name} |" in page
        assert name.startswith(f"{limit.most}/{limit.within // timedelta(hours=1)}h")
    assert (policy.abroad, policy.length, policy.tries) == (Rate(most=100, within=timedelta(days=1)), 6, 5)
    assert (policy.price_of("DE"), policy.spend, policy.spend_abroad) == (0, 0, 0)


def test_words_internet_phones_and_money_abroad_are_choices(tmp_path: Path) -> None:
    usual = read(tmp_path, GOOD).code_policy
    chosen = read(tmp_path, GOOD + 'words = 2\nvoip = true\nspend_abroad = 5\nwrong = "9/1h"\n').code_policy

    assert (usual.words, usual.voip, usual.spend_abroad) == (0, False, 0)
    assert (chosen.words, chosen.voip, chosen.spend_abroad) == (2, True, 5_000_000)
    assert chosen.wrong == Rate(most=9, within=timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "pepper", "sentence"),
    [
        (GOOD, "short", "verifications.pepper is shorter than 32 characters; make it random."),
        (GOOD.replace('home = ["DE"]\n', ""), PEPPER, "verifications.home is missing: the countries your customers"),
        (GOOD + 'per_prefix = "many"\n', PEPPER, "verifications.per_prefix is 'many', and should be like \"5/1h\"."),
        (GOOD + 'lifetime = "soon"\n', PEPPER, "verifications.lifetime is 'soon', and should be like \"10m\"."),
        (GOOD + "words = 1\n", PEPPER, "verifications.words is 1: one word is guessed too easily; write 2, 3 or 4."),
        (GOOD + 'wrong = "some"\n', PEPPER, "verifications.wrong is 'some', and should be like \"5/1h\"."),
        (GOOD + "tries = 99\n", PEPPER, "verifications.tries: Input should be less than or equal to 20"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, pepper: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text, pepper)

    assert any(sentence in problem.text for problem in error.value.problems)
