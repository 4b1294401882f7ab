"""May a code be sent? In order: the country, the visitor's address, the number, its neighbours, the country's share,
whether codes to the neighbours are ever entered, and the money. Pure.

Who pumps (asks for codes to numbers whose owner shares the fee) changes number and address at every request, but the
numbers are neighbours, and nobody enters the codes. So it is codes that nobody entered that neighbours may have only
so many of: a crowd that signs up and enters its codes passes, however large it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.verification import Counts, Policy, Refusal, Ruling

TAIL = 4
"""Digits a prefix leaves off."""


@dataclass(frozen=True, slots=True)
class Refused:
    """No code, and the evidence, in words and numbers, without the number itself."""

    why: Refusal
    evidence: str


def prefix_of(number: str) -> str:
    """Return what neighbouring numbers share."""
    return number[:-TAIL]


def judge(policy: Policy, country: str, counts: Counts) -> Refused | None:
    """Return why no code may be sent, None where it may."""
    if country not in policy.countries and country not in policy.home:
        return Refused(Refusal.COUNTRY, f"{country or 'no country'} is not among the countries for codes")
    return (
        _by_person(policy, counts)
        or neighbours(policy, counts)
        or _by_country(policy, country, counts)
        or _by_money(policy, country, counts)
    )


def neighbours(policy: Policy, counts: Counts) -> Refused | None:
    """Return why neighbouring numbers get no codes, None where they do."""
    if counts.ruling is Ruling.BLOCK:
        return Refused(Refusal.BLOCKED, "an operator said so")
    if counts.ruling is Ruling.ALLOW:
        return None
    if counts.prefix >= policy.per_prefix.most:
        return Refused(
            Refusal.PER_PREFIX,
            f"{counts.prefix} codes to its neighbours within {policy.per_prefix.within} were not entered, "
            f"at most {policy.per_prefix.most}",
        )
    if counts.judged >= policy.sample and counts.entered < policy.entered * counts.judged:
        return Refused(Refusal.NOT_ENTERED, f"{counts.entered} of {counts.judged} codes to its neighbours were entered")
    return None


def _by_person(policy: Policy, counts: Counts) -> Refused | None:
    limits = (
        (Refusal.PER_ORIGIN, counts.origin, policy.per_origin, "codes from one address"),
        (Refusal.PER_NUMBER, counts.number, policy.per_number, "codes to this number"),
        (Refusal.WRONG_CODES, counts.wrong, policy.wrong, "wrong codes for this number"),
    )
    for why, count, rate, what in limits:
        if count >= rate.most:
            return Refused(why, f"{count} {what} within {rate.within}, at most {rate.most}")
    return None


def _by_country(policy: Policy, country: str, counts: Counts) -> Refused | None:
    rate = policy.per_country if country in policy.home else policy.abroad
    if counts.country < rate.most:
        return None
    return Refused(
        Refusal.PER_COUNTRY, f"{counts.country} codes to {country} within {rate.within}, at most {rate.most}"
    )


def _by_money(policy: Policy, country: str, counts: Counts) -> Refused | None:
    abroad = country not in policy.home
    purses = [(policy.spend, counts.spent, ""), (policy.spend_abroad if abroad else 0, counts.spent_abroad, " abroad")]
    for most, spent, where in purses:
        if most and spent + policy.price_of(country) > most:
            return Refused(Refusal.MONEY, f"{spent / 1e6:.2f} of {most / 1e6:.2f} are spent{where}")
    return None
