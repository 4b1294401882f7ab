"""What a text from a phone wishes: stop, start, help, or something else. The words are data: data/keywords.yaml.

Both sides of the house read texts alike: the door keeps an opt-out the moment it comes in, the checker of the rules
refuses answers that would opt a person out, and dispatch looks for the answers a rule named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data" / "keywords.yaml"
STOP, PERHAPS_STOP, START, HELP, OTHER = "stop", "stop?", "start", "help", "other"
LONGEST = 2_000
"""Characters of a text that are looked at; ten parts of a long one."""

LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not take apart into a plain one and its mark."""

APOSTROPHES = frozenset("'’‘`´")
GAP = r"(?: \S+){0,3}? "
QUOTED = re.compile(r"[\"“”„«][^\"“”„«»]{12,}[\"“”»]?")
"""What a phone quotes when it reacts to a text (Liked "... STOP to opt out"): our words, not the person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How longer texts of any language say stop: clearly, or unless something else stands around it."""

    sure: re.Pattern[str]
    hints: re.Pattern[str]
    unless: re.Pattern[str]


def wish(text: str) -> str:
    """Return `stop`, `start`, `help`, `stop?` (a longer text that asks to stop: suppress and show), or `other`."""
    words = fold(text[:LONGEST])
    once = words.split()[0] if len(set(words.split())) == 1 else words
    for name in (STOP, START, HELP):
        if words in whole(name) or once in whole(name):
            return name
    said = fold(QUOTED.sub(" ", text[:LONGEST]))
    known = _wishes()
    if known.sure.search(said) or known.hints.search(known.unless.sub("|", said)):
        return PERHAPS_STOP
    return OTHER


def fold(text: str) -> str:
    """Write a text so that case, accents, punctuation and invisible characters make no difference."""
    marked = unicodedata.normalize("NFKD", text.casefold()).translate(LETTERS)
    return " ".join("".join(_plain(char) for char in marked).split())


def _plain(char: str) -> str:
    if char in APOSTROPHES or unicodedata.combining(char):
        return ""
    kind = unicodedata.category(char)
    if kind in {"Cf", "Sk", "Mn"}:
        return ""
    return char if kind[0] in "LN" or kind in {"So", "Mc"} else " "


@cache
def whole(name: str) -> frozenset[str]:
    """Return the folded texts that, alone, mean stop, start or help."""
    by_language = table()[name]
    lists = (entry["words"] if name == STOP else entry for entry in by_language.values())
    return frozenset(fold(word) for words in lists for word in words)


@cache
def courtesies() -> tuple[str, ...]:
    """Return the folded beginnings that only look like an answer."""
    return tuple(fold(phrase) for phrases in table()["courtesies"].values() for phrase in phrases)


@cache
def table() -> Mapping[str, Any]:
    """Return the whole list as it stands in its file; every value is a text."""
    loaded: Mapping[str, Any] = yaml.load(DATA.read_text("utf-8"), Loader=yaml.CBaseLoader)  # noqa: S506 - texts only
    return loaded


@cache
def _wishes() -> Wishes:
    languages = table()[STOP].values()

    def phrases(name: str) -> Iterator[str]:
        return (phrase for entry in languages for phrase in entry[name])

    return Wishes(sure=_any(phrases("wishes")), hints=_any(phrases("hints")), unless=_any(phrases("unless")))


def _any(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(dict.fromkeys(map(_pattern, phrases))))


def _pattern(phrase: str) -> str:
    """Compile a phrase of the list; scripts that put no spaces between words match anywhere."""
    start, end = phrase.startswith("^"), phrase.endswith("$")
    body = GAP.join(re.escape(fold(part)) for part in phrase.strip("^$").split(" .. "))
    if any("\u3040" <= char <= "\u9fff" or "\u1100" <= char <= "\u11ff" for char in body):
        return body
    return ("^" if start else r"(?<!\S)") + body + ("$" if end else r"(?!\S)")
