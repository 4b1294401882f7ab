"""Codes as people type them: of digits or of words, with whatever they put in between."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.code_words import WORDS
from dispatch.codes import Recipe, autofill, household
from tests.scale import runs

DIGITS = Recipe(pepper="a-pepper-for-tests-only")
WORDY = Recipe(pepper="a-pepper-for-tests-only", words=2)
BOUND = re.compile(r"@(?P<host>[a-z0-9]([a-z0-9.-]*[a-z0-9])?) #(?P<code>[^#\s]+)")
"""The last line that phones read: WICG draft "Origin-bound one-time codes delivered via SMS", read 2026-11-23."""


def test_there_are_eleven_bits_in_a_word_and_no_slip_of_one_letter_makes_another() -> None:
    assert len(set(WORDS)) == 2**11
    assert all(re.fullmatch("[a-z]{4,7}", word) for word in WORDS)
    shorter = [{word[:place] + word[place + 1 :] for place in range(len(word))} for word in WORDS]
    swapped = [{f"{word[:place]}*{word[place + 1 :]}" for place in range(len(word))} for word in WORDS]
    assert not set().union(*shorter) & set(WORDS)
    assert sum(map(len, swapped)) == len(set().union(*swapped))


def test_two_words_are_one_of_four_million_codes() -> None:
    codes = {WORDY.code(f"v{place}") for place in range(runs(2_000, 20_000))}

    assert len(codes) >= runs(2_000, 20_000) * 0.99
    assert len({word for code in codes for word in code.split("-")}) > 1_700
    assert all(re.fullmatch("[a-z]+-[a-z]+", code) for code in codes)


@pytest.mark.parametrize(
    "typed",
    ["{0} {1}", "{0}-{1}", "{0}{1}", " {0}\u2013{1}\n", "{0}, {1}.", "{0}\u00a0{1}", "\u200e{0}_{1}", "{0}\u00ad{1}"],
)
def test_words_are_right_however_they_are_put(typed: str) -> None:
    first, second = WORDY.code("v1").split("-")

    assert WORDY.is_right("v1", typed.format(first, second))
    assert WORDY.is_right("v1", typed.format(first.upper(), second.title()))
    assert not WORDY.is_right("v1", typed.format(second, first))


@pytest.mark.parametrize("zero", "0\u0660\u06f0\u0966\uff10\U0001d7ce")
def test_digits_are_right_in_any_script(zero: str) -> None:
    typed = "".join(chr(ord(zero) + int(digit)) for digit in DIGITS.code("v1"))

    assert DIGITS.is_right("v1", typed)
    assert DIGITS.is_right("v1", " ".join(typed))


@settings(max_examples=runs(50, 2_000), deadline=None)
@given(typed=st.text(max_size=300))
def test_nothing_else_is_right_and_nothing_breaks(typed: str) -> None:
    for recipe in (DIGITS, WORDY):
        assert not recipe.is_right("v1", typed) or recipe.code("v1").replace("-", "") in typed.lower()


@pytest.mark.parametrize("recipe", [DIGITS, WORDY, Recipe(pepper="p", words=4), Recipe(pepper="p", length=10)])
def test_the_last_line_is_read_as_the_draft_says(recipe: Recipe) -> None:
    found = BOUND.fullmatch(autofill("login.shop.example", recipe.code("v1")))

    assert found is not None
    assert found["host"] == "login.shop.example"
    assert recipe.is_right("v1", found["code"])


def test_without_a_domain_there_is_no_such_line() -> None:
    assert autofill("", "123456") == ""


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
    ],
)
def test_one_household_is_one_address(one: str, other: str, same: bool) -> None:
    assert (DIGITS.origin(one) == DIGITS.origin(other)) is same
    assert household(one) not in DIGITS.origin(one)


def test_an_id_cannot_be_guessed_from_the_one_before() -> None:
    first, second = DIGITS.id_of("v06yhsmkg00003"), DIGITS.id_of("v06yhsmkg00004")

    assert len(first) == len("v06yhsmkg00003") + 10
    assert first[14:] != second[14:]
    assert first == DIGITS.id_of("v06yhsmkg00003")


def test_a_text_holds_its_code_under_a_seal_that_nobody_else_can_make() -> None:
    sealed = DIGITS.seal(f"{DIGITS.code('v1')} is your code.\n\n{autofill('shop.example', DIGITS.code('v1'))}", "v1")

    assert DIGITS.code("v1") not in sealed
    assert DIGITS.reveal(sealed) == f"{DIGITS.code('v1')} is your code.\n\n@shop.example #{DIGITS.code('v1')}"
    for forged in (sealed.replace("v1", "v2"), sealed.replace("v1:", "v1:0"), "\x1bv1\x1b", f"\x1bv2:{'0' * 32}\x1b"):
        assert DIGITS.reveal(forged) == forged
