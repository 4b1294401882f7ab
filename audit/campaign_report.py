"""What became of a campaign, by variant: straight from its texts."""

from __future__ import annotations

from audit.figures import FAILED, TAKEN
from audit.store import Row, Tx

OUTCOMES = f"""
select step as variant, country, state, reason, currency, count(*) as texts,
    sum(case when {TAKEN} then 1 else 0 end) as sent,
    sum(case when {TAKEN} and receipt_at is not null and (state = 'delivered' or {FAILED}) then 1 else 0 end)
        as reported,
    sum(case when {TAKEN} then segments else 0 end) as segments,
    sum(case when replied_at is not null then 1 else 0 end) as replied,
    sum(case when {TAKEN} and links > 0 then 1 else 0 end) as linked,
    sum(case when clicked_at is not null then 1 else 0 end) as clicked,
    sum(case when cost <> '' then 1 else 0 end) as priced,
    cast(round(sum(case when cost <> '' then cast(cost as real) else 0 end) * 1000000) as integer) as micros
from messages where campaign = ? and campaign <> '' group by step, country, state, reason, currency
"""  # noqa: S608 - our own words
OPTED_OUT = """
select messages.step as variant, count(distinct messages.id) as n from messages
join replies on replies.message_id = messages.id and replies.message_id <> '' and replies.intent like 'stop%'
where messages.campaign = ? and messages.campaign <> '' group by messages.step
"""


def outcomes(tx: Tx, campaign_id: str) -> list[Row]:
    """Count a campaign's texts by variant, country, state, reason and the currency of their cost."""
    return tx.execute(OUTCOMES, (campaign_id,)).fetchall()


def opted_out(tx: Tx, campaign_id: str) -> dict[str, int]:
    """Count, by variant, the texts that were answered with the wish for no more."""
    return {row["variant"]: row["n"] for row in tx.execute(OPTED_OUT, (campaign_id,))}
