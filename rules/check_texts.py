"""Is a text fit to be sent? Words carriers act on, links they filter, characters that cost, what must stay private."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from model.reasons import Problem
from rules import words
from rules.book import Rule
from rules.known import TAG, Said, World, all_said, at, texts_of, warn
from rules.links import dry
from rules.render import TemplateFault, Voice, locale_of


def _any_of(several: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(several, key=len, reverse=True))


_WORD = f"(?P<word>{_any_of(words.RESERVED)})"
_ASKED = re.compile(
    rf"\b(?:{_any_of(words.REPLY_VERBS)})(?:\s+(?:{_any_of(words.REPLY_LINKS)}))?\s*[:\"'“„«]?\s*{_WORD}\b",
    re.IGNORECASE,
)
_OFFERED = re.compile(rf"\b{_WORD}\b[\"'”“»]?\s*(?:=|to\b|um\b|zum\b|für\b|pour\b|para\b|per\b|om\b)")
_OPT_OUT = re.compile(rf"(?<!\w)(?:{_any_of(words.OPT_OUT)})(?!\w)|unsubscribe|opt_?out", re.IGNORECASE)
_ENDS_TEXTS = re.compile(
    r"\W{0,3}(?:=|(?:to|um|zum|pour|para|per|om)\b)?\W{0,3}(?:opt|unsub|end|stop|abmeld|abbestell|désa|dejar|baja)",
    re.IGNORECASE,
)
_NOTHING_MORE = re.compile(r"\W{0,3}$")
_SHORTENER = re.compile(rf"(?<![\w.@-])(?:www\.)?(?P<host>{_any_of(words.SHORTENERS)})(?=[/?#\s]|$)", re.IGNORECASE)
_HEALTH = re.compile(rf"(?<!\w)(?:{_any_of(words.HEALTH)})(?!\w)", re.IGNORECASE)
_FOREIGN_SCRIPT = 0.3
"""With a larger share of foreign letters a text is in another script, and its price no accident."""


def reserved_words(rule: Rule, _world: World) -> Iterator[Problem]:
    """Refuse a text that invites an answer which carriers take for an opt-out or opt-in."""
    for said in all_said(rule):
        literal = said.literal
        for found in [*_ASKED.finditer(literal), *_OFFERED.finditer(literal)]:
            word = found["word"].upper()
            if not _is_opt_out(word, literal, found.end("word")):
                text = f"The text invites the answer {word}, which {words.RESERVED[word]}."
                yield at(rule, said.place, text, "Invite another answer: C, R, 1, 2 or OK.")
                break


def _is_opt_out(word: str, literal: str, end: int) -> bool:
    """Tell whether the text offers the word for what carriers do with it. "Reply STOP" needs no more words."""
    if word == "YES":
        return False
    return bool(_ENDS_TEXTS.match(literal, end) or (word == "STOP" and _NOTHING_MORE.match(literal, end)))


def opt_out_line(rule: Rule, _world: World) -> Iterator[Problem]:
    """Refuse a marketing text that does not say how to end it: every variant in every locale."""
    for said in without_way_out(rule):
        text = f"A text of the category {rule.consent!r} must say how to opt out."
        yield at(rule, said.place, text, "Add such as: STOP to opt out, or {{ opt_out }}.")


def without_way_out(rule: Rule) -> list[Said]:
    """Return the texts of a rule that need consent and do not say how to end them: neither in words that people know
    for it (rules/words.py) nor by {{ opt_out }}.
    """
    return [said for said in texts_of(rule) if rule.consent and not _OPT_OUT.search(said.text.source)]


def costly_characters(rule: Rule, world: World) -> Iterator[Problem]:
    """Name the few characters that make a text cost more than it would without them."""
    for said in all_said(rule):
        typical = TAG.sub("xxxxxxxx", said.text.source)
        size = world.scales.measure(typical, rule.smart)
        if not size.flips or _is_foreign(typical, size.flips):
            continue
        plain = world.scales.measure(_replaced(typical, size.flips), rule.smart)
        if plain.segments < size.segments:
            named = ", ".join(f"{char} ({unicodedata.name(char, 'unnamed')})" for char in size.flips[:3])
            text = f"{named}: because of this the text costs {size.segments} segments instead of {plain.segments}."
            helps = world.scales.measure(typical, "safe").segments <= plain.segments
            hint = "Write a plain character, or set smart: safe." if helps else "Leave it out, or write a plain one."
            yield warn(rule, said.place, text, hint)


def _is_foreign(text: str, flips: Iterable[str]) -> bool:
    letters = [char for char in text if char.isalpha()]
    foreign = sum(char in set(flips) for char in letters)
    return foreign > len(letters) * _FOREIGN_SCRIPT


def _replaced(text: str, flips: Iterable[str]) -> str:
    return text.translate(dict.fromkeys(map(ord, flips), "x"))


def shorteners(rule: Rule, _world: World) -> Iterator[Problem]:
    """Refuse links that carriers filter because anybody can hide behind them."""
    for said in all_said(rule):
        found = _SHORTENER.search(said.text.source)
        if found:
            text = f"Carriers block texts with links of {found['host'].lower()}."
            yield at(rule, said.place, text, "Use an address of your own.")


def private_matters(rule: Rule, world: World) -> Iterator[Problem]:
    """Refuse card numbers and account data, and warn of words about a person's health."""
    for said in all_said(rule):
        why = world.scales.blocked(said.literal)
        if why:
            yield at(rule, said.place, f"The text must not be sent. {why}")
        for path in sorted(said.text.fields):
            if f".{path}".lower().endswith(tuple(f".{name}" for name in words.CARD_FIELDS)):
                yield at(rule, said.place, f"{path} must not be texted: it looks like card or account data.")
        found = _HEALTH.search(said.literal)
        if found:
            text = f"{found[0]!r} tells about a person's health, to everybody who sees the phone."
            yield warn(rule, said.place, text, "Say less, and put the rest behind a login.")


def longest(rule: Rule, world: World) -> Iterator[Problem]:
    """Warn where a text may not fit, with every field at its usual longest."""
    documented = world.fields_of(rule.events) or {}
    for said in all_said(rule):
        data: dict[str, Any] = {}
        for path in sorted(said.text.fields, key=len, reverse=True):
            _put(data, path, _long(path, documented.get(path, ("", ""))[0]))
        try:
            text = said.text.render(data, _voice(rule, said))
        except TemplateFault:
            continue  # a field of unknown kind in a filter: no estimate
        segments = world.scales.measure(text, rule.smart).segments
        if segments > rule.max_segments:
            worst = f"At its longest this text takes about {segments} segments; max_segments is {rule.max_segments}."
            yield warn(rule, said.place, worst, "A longer text is not sent.")


def _voice(rule: Rule, said: Said) -> Voice:
    locale = locale_of(said.locale, "") or locale_of(rule.default_locale, "en")
    return Voice(locale=locale, shorten=dry(rule.links))


_MOMENT = "2026-11-25T10:00:00+01:00"
_LONG_BY_NAME = {
    **dict.fromkeys(("last_name", "status", "id", "key"), "n" * 20),
    **dict.fromkeys(("time", "at", "eta"), _MOMENT),
    "date": "2026-11-25",
    "currency": "EUR",
    "country": "DE",
    "locale": "de-DE",
    "first_name": "n" * 15,
    "name": "n" * 30,
    "number": "n" * 16,
    "code": "n" * 8,
    "url": "n" * 70,
}
_LONG_BY_KIND: dict[str, Any] = {
    "number": 99_999, "money": "99999.99", "time": _MOMENT, "date": "2026-11-25",
    "phone": "+491713920012", "bool": True, "list": ["n" * 20] * 5,
}  # fmt: skip


def _long(path: str, kind: str) -> Any:
    """Return a long but usual value: by the documented kind, else by the last word of the field's name."""
    if kind in _LONG_BY_KIND:
        return _LONG_BY_KIND[kind]
    name = path.rpartition(".")[2]
    return next((_LONG_BY_NAME[end] for end in (name, name.rpartition("_")[2]) if end in _LONG_BY_NAME), "n" * 30)


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    place = data
    for step in outer:
        place = place.setdefault(step, {})
    place.setdefault(last, value)
