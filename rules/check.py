"""What a rules file means, checked against the world: the questions that its grammar cannot answer.

`rules.load` refuses what cannot be understood; this names what can be understood and would still go wrong: fields
nobody sends, answers that opt a person out, texts that cost double, people who are texted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from model.reasons import Problem
from rules import check_fields, check_links, check_people, check_texts
from rules.book import Book, Rule
from rules.known import Catalogue, Example, Scales, World

CHECKS: tuple[Callable[[Rule, World], Iterator[Problem]], ...] = (
    check_fields.unknown_fields,
    check_fields.unmatched_keys,
    check_fields.undefined_in_samples,
    check_texts.reserved_words,
    check_texts.opt_out_line,
    check_texts.costly_characters,
    check_texts.shorteners,
    check_links.short_links,
    check_texts.private_matters,
    check_texts.longest,
    check_people.senders,
    check_people.quiet_past_ttl,
    check_people.law_past_ttl,
    check_people.campaign_consent,
)


def check(
    book: Book, catalogue: Catalogue, samples: Callable[[str], Sequence[Example]], scales: Scales
) -> list[Problem]:
    """Return everything that would go wrong, errors and warnings, in the order of the file.

    `catalogue` maps an event type (or `source:type`) to the fields its connectors document, `samples` gives examples
    of an event type, `scales` weigh a text as dispatch does.
    """
    world = World(catalogue=catalogue, samples=samples, scales=scales, sources=book.sources)
    found = [problem for rule in book.rules if rule.enabled for ask in CHECKS for problem in ask(rule, world)]
    found += check_people.texted_twice(book.rules)
    found += check_fields.names_of_sources(book, world)
    return sorted(found, key=lambda problem: (problem.path, problem.line, problem.column))
