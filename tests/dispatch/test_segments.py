"""Segments: the vectors everybody agrees on, two independent counters, and texts that keep their characters."""

from __future__ import annotations

import random
import time
import unicodedata

import pytest
import smsutil
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.segments import Encoding, Level, lookalikes, measure, split
from tests.scale import runs

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
VECTORS: list[tuple[str, Encoding, int, tuple[int, ...]]] = [
    ("", "gsm7", 0, ()),
    ("a" * 160, "gsm7", 160, (160,)),
    ("a" * 161, "gsm7", 161, (153, 8)),
    ("a" * 306, "gsm7", 306, (153, 153)),
    ("a" * 307, "gsm7", 307, (153, 153, 1)),
    ("a" * 459, "gsm7", 459, (153, 153, 153)),
    ("a" * 460, "gsm7", 460, (153, 153, 153, 1)),
    ("€" * 80, "gsm7", 160, (160,)),
    ("€" * 81, "gsm7", 162, (152, 10)),
    ("a" * 158 + "€", "gsm7", 160, (160,)),
    ("a" * 159 + "€", "gsm7", 161, (153, 8)),
    ("a" * 152 + "€" + "b" * 10, "gsm7", 164, (152, 12)),
    ("a" * 152 + "€" + "b" * 151, "gsm7", 305, (152, 153)),
    ("a" * 152 + "€" + "b" * 152, "gsm7", 306, (152, 153, 1)),
    ("a" * 152 + "€" + "a" * 152, "gsm7", 306, (152, 153, 1)),
    ("€" * 152, "gsm7", 304, (152, 152)),
    ("€" * 153, "gsm7", 306, (152, 152, 2)),
    ("€" * 76 + "a" * 154, "gsm7", 306, (153, 153)),
    ("It’s", "ucs2", 4, (4,)),
    ("ж" * 70, "ucs2", 70, (70,)),
    ("ж" * 71, "ucs2", 71, (67, 4)),
    ("ж" * 134, "ucs2", 134, (67, 67)),
    ("ж" * 135, "ucs2", 135, (67, 67, 1)),
    ("ж" * 201, "ucs2", 201, (67, 67, 67)),
    ("ж" * 202, "ucs2", 202, (67, 67, 67, 1)),
    ("😀" * 35, "ucs2", 70, (70,)),
    ("😀" * 36, "ucs2", 72, (66, 6)),
    ("😀" * 66, "ucs2", 132, (66, 66)),
    ("😀" * 67, "ucs2", 134, (66, 66, 2)),
    ("ж" * 66 + "😀" + "ж" * 66, "ucs2", 134, (66, 67, 1)),
    ("中" * 66 + "😀" + "中" * 65, "ucs2", 133, (66, 67)),
    ("中" * 66 + "😀" + "中" * 66, "ucs2", 134, (66, 67, 1)),
    ("a" * 68 + "😀", "ucs2", 70, (70,)),
    ("a" * 69 + "😀", "ucs2", 71, (67, 4)),
    (FAMILY, "ucs2", 11, (11,)),
    ("🇬🇧", "ucs2", 4, (4,)),
    ("👍🏽", "ucs2", 4, (4,)),
    ("中" * 60 + FAMILY + "中" * 20, "ucs2", 91, (66, 25)),
    ("e\u0301", "ucs2", 2, (2,)),
    ("a" * 158 + "\r\n", "gsm7", 160, (160,)),
    ("a" * 159 + "\r\n", "gsm7", 161, (153, 8)),
    ("a" * 159 + "\n", "gsm7", 160, (160,)),
    ("`", "ucs2", 1, (1,)),
    ("§", "gsm7", 1, (1,)),
    ("\f", "gsm7", 2, (2,)),
    ("\x1b", "ucs2", 1, (1,)),
    ("Çñ", "gsm7", 2, (2,)),
    ("ç", "ucs2", 1, (1,)),
]


@pytest.mark.parametrize(("text", "encoding", "units", "parts"), VECTORS, ids=[ascii(row[0][:12]) for row in VECTORS])
def test_a_text_is_counted_and_cut_as_the_standard_says(
    text: str, encoding: Encoding, units: int, parts: tuple[int, ...]
) -> None:
    measured = measure(text)

    assert (measured.encoding, measured.units, measured.parts) == (encoding, units, parts)
    assert measured.segments == len(parts)


def test_the_characters_that_make_a_text_dear_are_named_once_and_ten_at_most() -> None:
    assert measure("It’s “ok”, isn’t it").flips == ("’", "“", "”")
    assert measure("абвгдежзийклмн").flips == tuple("абвгдежзий")
    assert measure("plain €").flips == ()


def test_two_halves_of_a_pair_that_came_as_two_characters_stay_together() -> None:
    text = "ж" * 66 + "\ud83d\ude00" + "ж" * 3

    assert split(text) == ["ж" * 66, "\ud83d\ude00жжж"]


def test_a_megabyte_is_cut_in_linear_time() -> None:
    started = time.perf_counter()
    parts = split("€x" * 500_000) + split("ж😀" * 300_000)

    assert len(parts) == 9804 + 13637
    assert time.perf_counter() - started < 5


def brute_force(text: str, *, gsm: bool) -> list[tuple[str, int]]:
    """The plain way: encode character by character, and begin a part when the next one does not fit."""
    sizes = {char: len(char.encode("gsm0338")) if gsm else len(char.encode("utf-16-be")) // 2 for char in set(text)}
    single, many = (160, 153) if gsm else (70, 67)
    if sum(sizes[char] for char in text) <= single:
        many = single
    parts: list[tuple[str, int]] = []
    for char in text:
        if not parts or parts[-1][1] + sizes[char] > many:
            parts.append(("", 0))
        parts[-1] = (parts[-1][0] + char, parts[-1][1] + sizes[char])
    return parts


ALPHABETS = ["abc é\n", "aé€[", "€^{}\f|", "aж", "ab😀", "ж中😀", "a€😀’", FAMILY, "aaaaaaaaaaaaaaaaaaaa€"]


def random_text(dice: random.Random) -> str:
    """Mostly lengths around the edges, where wrong counters differ."""
    edge = dice.choice([0, 3, 35, 67, 70, 76, 134, 153, 160, 201])
    return "".join(dice.choices(dice.choice(ALPHABETS), k=max(0, edge + dice.randint(-3, 3))))


def test_a_hundred_thousand_random_texts_are_cut_as_two_other_counters_cut_them() -> None:
    dice = random.Random(20261123)

    for _ in range(runs(12_000, 100_000)):
        text = random_text(dice)
        measured = measure(text)
        parts = list(zip(split(text), measured.parts, strict=True))
        theirs = smsutil.split(text)
        gsm = theirs.encoding == "gsm0338"
        assert (measured.encoding == "gsm7") is (gsm or not text)  # of an empty text smsutil says UTF-16
        assert parts == [(part.content, part.bytes // (1 if gsm else 2)) for part in theirs.parts if part.content]
        assert parts == brute_force(text, gsm=gsm)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=400) | st.text(alphabet="aé€[ж😀\ud83d\ude00", max_size=400))
def test_the_parts_of_a_text_are_the_text(text: str) -> None:
    measured, parts = measure(text), split(text)
    single, many = (160, 153) if measured.encoding == "gsm7" else (70, 67)

    assert "".join(parts) == text
    assert len(parts) == measured.segments
    assert sum(measured.parts) == measured.units
    assert all(0 < units <= (single if len(parts) == 1 else many) for units in measured.parts)


LOOKALIKES: list[tuple[Level, str, str]] = [
    ("off", "It’s\r\ncafe\u0301", "It’s\ncafé"),
    ("safe", "It’s – “ok” …\u00a0«a» ‚b‘ `c´", "It's - \"ok\" ... \"a\" 'b' 'c'"),
    ("safe", "non\u2011breaking \u2012 \u2010 • \u2212", "non-breaking - - - -"),
    ("safe", "a\u200b\u2060\ufeffb\u00adc\td", "abc d"),
    ("safe", "Ｆｕｌｌ！", "Full!"),
    ("safe", "cafe\u0301 a\u030a", "café å"),
    ("safe", "Łódź’s", "Łódź’s"),
    ("safe", "It’s 😀", "It’s 😀"),
    ("safe", "Zoë’s", "Zoë’s"),
    ("strip-accents", "Zoë’s ção in Łódź, café", "Zoe's cao in Lodz, café"),
    ("strip-accents", "İstanbul œuvre þing", "Istanbul oeuvre thing"),
    ("strip-accents", "№ 5", "№ 5"),
    ("strip-accents", "Привет ç", "Привет ç"),
    ("ascii", "№ 5™ © 2 × 3", "No 5TM (c) 2 x 3"),
    ("ascii", "1½ cups", "1½ cups"),
    ("ascii", "already äöü €", "already äöü €"),
]


@pytest.mark.parametrize(("level", "text", "becomes"), LOOKALIKES, ids=[ascii(row[1]) for row in LOOKALIKES])
def test_a_text_gets_cheaper_lookalikes_only_if_all_of_it_does(level: Level, text: str, becomes: str) -> None:
    assert lookalikes(text, level) == becomes


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60) | st.text(alphabet="aé’–ç\u00a0😀ł½\r\n", max_size=60))
def test_lookalikes_make_a_text_gsm_or_leave_it_and_never_write_a_question_mark(text: str) -> None:
    before = unicodedata.normalize("NFC", text).replace("\r\n", "\n")

    after = lookalikes(text, "ascii")

    assert after == before or measure(after).encoding == "gsm7"
    assert after.count("?") == before.count("?") or set(before) & set("⁇⁈⁉？︖﹖")
