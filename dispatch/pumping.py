"""May a code be sent? In order: the country, the visitor's address, the number, its neighbours, the country's share,
whether codes to the neighbours are ever entered, and the money. Pure.

Who pumps (asks for codes to numbers whose owner shares the fee) changes number and address at every request, but the
numbers are neighbours, and nobody enters the codes.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.verification import Counts, Policy, Refusal

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
    at_home = country in policy.home
    limits = (
        (Refusal.PER_ORIGIN, counts.origin, policy.per_origin, "from one address"),
        (Refusal.PER_NUMBER, counts.number, policy.per_number, "to this number"),
        (Refusal.PER_PREFIX, counts.prefix, policy.per_prefix, "to its neighbours"),
        (Refusal.PER_COUNTRY, counts.country, policy.per_country if at_home else policy.abroad, f"to {country}"),
    )
    for why, count, rate, where in limits:
        if count >= rate.most:
            return Refused(why, f"{count} codes {where} within {rate.within}, at most {rate.most}")
    if counts.judged >= policy.sample and counts.entered < policy.entered * counts.judged:
        return Refused(Refusal.NOT_ENTERED, f"{counts.entered} of {counts.judged} codes to its neighbours were entered")
    if policy.spend and counts.spent + policy.price_of(country) > policy.spend:
        return Refused(Refusal.MONEY, f"{counts.spent / 1e6:.2f} of {policy.spend / 1e6:.2f} are spent")
    return None
