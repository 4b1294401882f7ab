"""Short links that could not be made, or should not be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model.reasons import Problem
from rules.book import Rule
from rules.known import Said, World, answers_of, at, texts_of

CODES = "verification.requested"
SHORT = re.compile(r"\{\{[^{}]*\|\s*short\b[^{}]*\}\}")


def short_links(rule: Rule, _world: World) -> Iterator[Problem]:
    """Refuse short links without a domain, of what is not kept, and in texts that have none."""
    for said in texts_of(rule):
        tags = SHORT.findall(said.text.source)
        if tags:
            yield from _in_text(rule, said, tags)
    for said in answers_of(rule):
        if SHORT.search(said.text.source):
            yield at(rule, said.place, "An answer to a reply has no short links.", "Write the address itself.")


def _in_text(rule: Rule, said: Said, tags: list[str]) -> Iterator[Problem]:
    if any(pattern.type == CODES for pattern in rule.events):
        yield at(rule, said.place, "A text with a code has no short links.", "What leads to a code must not be kept.")
    elif rule.links is None:
        hint = "Write links: {domain: https://t.example} in the rule or in defaults, with a domain of yours."
        yield at(rule, said.place, "The text makes a link short, and there is no domain for it.", hint)
    for path in rule.redact:
        if any(re.search(rf"(?<![\w.]){re.escape(path)}(?![\w])", tag) for tag in tags):
            text = f"{path} is not kept (redact), so a link that holds it cannot become short."
            yield at(rule, said.place, text, "Text the address itself.")
