"""Does what a rule reads exist? Against the documented fields of its events, and against real examples of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from model.reasons import Problem
from rules.book import Book, Pattern, Rule
from rules.condition import ConditionFault, compile_condition
from rules.fields import did_you_mean
from rules.known import Example, Fields, Said, World, at, is_known, texts_of, warn
from rules.links import dry
from rules.places import is_zone
from rules.render import TemplateFault, Text, Voice, locale_of
from rules.replies import REPLY
from wire.reading import dig

MOST_NAMED = 8
BATCHED = frozenset({"items", "count"})
"""What the text of a batch can name besides the fields of the newest event."""

FALL_BACK = frozenset({"locale", "tz", "region"})
"""Where a missing field only means that the default holds."""


def unknown_fields(rule: Rule, world: World) -> Iterator[Problem]:
    """Name fields that no source of these events sends."""
    fields = world.fields_of(rule.events)
    if fields is None:
        return
    yield from _recipients(rule, fields)
    for place, path in _read(rule):
        if not is_known(path, fields):
            level = "warning" if place in FALL_BACK else "error"
            yield at(rule, place, f"{_events(rule.events)} has no field {path}.", _hint(path, fields), level)


def _recipients(rule: Rule, fields: Fields) -> Iterator[Problem]:
    """A field too many in `to` does no harm; none at all means that nobody is ever texted."""
    unknown = [(index, path) for index, path in enumerate(rule.to) if not is_known(path, fields)]
    level = "error" if len(unknown) == len(rule.to) else "warning"
    for index, path in unknown:
        yield at(rule, f"to.{index}", f"{_events(rule.events)} has no field {path}.", _hint(path, fields), level)


def _read(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield (place, path) of every field a rule reads, each pair once."""
    found: dict[tuple[str, str], None] = {}
    for index, when in enumerate(rule.when):
        found |= dict.fromkeys((f"when.{index}", path) for path in when.condition.fields)
    for said in texts_of(rule):
        found |= dict.fromkeys((said.place, path) for path in said.text.fields - (BATCHED if rule.batch else set()))
    for place, text in _keys(rule):
        found |= dict.fromkeys((place, path) for path in text.fields)
    for index, step in enumerate(rule.steps):
        if step.schedule:
            start = f"sequence.{index}." if "sequence" in rule.places else ""
            found[f"{start}schedule.at", step.schedule.at] = None
    found |= dict.fromkeys((f"redact.{index}", path) for index, path in enumerate(rule.redact))
    for index, line in enumerate((rule.recheck or {}).get("still", ())):
        found |= dict.fromkeys((f"recheck.still.{index}", path) for path in compile_condition(line).fields)
    for place, path in _settings(rule):
        found[place, path] = None
    found |= dict.fromkeys(_replies(rule))
    return iter(sorted(found))


def _keys(rule: Rule) -> Iterable[tuple[str, Text]]:
    batch = rule.batch.key if rule.batch else None
    named = (("key", rule.key), ("dedupe.key", rule.dedupe_key), ("supersede", rule.supersede), ("batch.key", batch))
    return [(place, text) for place, text in named if text is not None]


def _replies(rule: Rule) -> Iterator[tuple[str, str]]:
    for place, text in rule.replies.texts() if rule.replies else ():
        yield from ((f"replies.{place}", path) for path in text.fields - {REPLY})


def _settings(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield the fields that stand for a setting; what comes from the defaults need not exist in every event."""
    if rule.text_by:
        yield "text_by", rule.text_by
    if "locale" in rule.places and not locale_of(rule.locale, ""):
        yield "locale", rule.locale
    if "tz" in rule.places and not is_zone(rule.zone):
        yield "tz", rule.zone
    if "region" in rule.places and len(rule.region) > 2:
        yield "region", rule.region


def names_of_sources(book: Book, world: World) -> Iterator[Problem]:
    """Name sources nobody set up, and fields that a source with names of its own does not send."""
    for source, naming in book.sources.items():
        file, line, column = naming.place
        spot = Problem(path=file, line=line, column=column, text="", level="warning")
        if not world.is_known_source(source):
            yield replace(spot, text=f"No source is called {source}; what stands here has no effect.")
            continue
        sent = world.sent_by(source)
        for name, path in sorted(naming.fields.items()):
            if sent is not None and ".*" not in sent and not is_known(path, sent):
                said = f"{source} sends no field {path}, which {name} stands for."
                yield replace(spot, text=said, hint=_hint(path, sent), level="error")


def unmatched_keys(rule: Rule, world: World) -> Iterator[Problem]:
    """A cancelling event that lacks the field of the key would never find what it ends."""
    if rule.key is None:
        return
    for index, pattern in enumerate(rule.cancel_on):
        fields = world.fields_of((pattern,))
        missing = [path for path in sorted(rule.key.fields) if fields is not None and not is_known(path, fields)]
        if missing:
            text = f"key reads {missing[0]}, which {pattern.type} does not have: it would end nothing."
            yield at(rule, f"cancel_on.{index}", text, 'key: "{{ event.key }}" names the record in every event.')


def undefined_in_samples(rule: Rule, world: World) -> Iterator[Problem]:
    """Write every text and key for real examples; what is missing there would be missing in production."""
    examples = [example for example in world.examples_of(rule) if _holds(rule, example)]
    for place, text in _keys(rule):
        yield from _faults(rule, place, text, Voice(), examples)
    if rule.batch:
        examples = [replace(e, data={**e.data, "items": [e.data], "count": 1}) for e in examples]
    for said in texts_of(rule):
        meant = [e for e in examples if not rule.text_by or str(dig(e.data, rule.text_by) or "") == said.value]
        yield from _faults(rule, said.place, said.text, _voice(rule, said), meant)


def _holds(rule: Rule, example: Example) -> bool:
    try:
        return all(when.condition.check(example.data, example.now).passed for when in rule.when)
    except ConditionFault:
        return False


def _voice(rule: Rule, said: Said) -> Voice:
    locale = locale_of(said.locale, "") or locale_of(rule.default_locale, "en")
    return Voice(locale=locale, shorten=dry(rule.links))


def _faults(rule: Rule, place: str, text: Text, voice: Voice, examples: list[Example]) -> Iterator[Problem]:
    faults = []
    for example in examples:
        try:
            text.render(example.data, voice)
        except TemplateFault as fault:
            faults.append((example.name, str(fault)))
    if faults:
        name, why = faults[0]
        text_ = f"This cannot be written for {len(faults)} of {len(examples)} samples, such as {name}: {why}"
        yield warn(rule, place, text_, "Give it a default, or put {% if ... %} around it.")


def _events(patterns: tuple[Pattern, ...]) -> str:
    return " or ".join(pattern.type for pattern in patterns)


def _hint(path: str, fields: Fields) -> str:
    near = did_you_mean(path, fields)
    names = sorted(fields)
    rest = len(names) - MOST_NAMED
    return near or f"It has {', '.join(names[:MOST_NAMED])}{f' and {rest} more' if rest > 0 else ''}."
