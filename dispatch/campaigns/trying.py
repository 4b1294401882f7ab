"""A test send: one text of a campaign, as planned for a person of its list, to a colleague's phone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from audit import journal, lists
from audit.facts import StoredFacts
from audit.rows import ms
from audit.store import Row, Tx
from dispatch.campaigns.ground import CannotRun, Ground
from dispatch.campaigns.script import SOURCE, Member, Script, moment_of, script_of
from dispatch.manual import Wish, queue
from dispatch.recipient import Candidate, NoRecipient, mask, resolve
from model.links import new_code
from model.message import Decision, Lane, Message

TYPE = "custom.campaign.test"
LOOKED_AT = 200
"""People of the list that are looked at for one who would get a text."""


def try_out(
    ground: Ground, campaign_id: str, to: str, actor: str, now: datetime, *, row: int = 0, variant: str = ""
) -> Decision:
    """Queue the text that the person in `row` of the list would get (0: the first who gets one) for the phone `to`.

    It is on the record as a test, counts in no report, and passes the gates of every text: opt-outs, sink mode, the
    allow list. Raises CannotRun.
    """

    def write(tx: Tx) -> Decision:
        found = ground.row(tx, campaign_id)
        rule = ground.rule(found["rule"])
        script = script_of(campaign_id, rule, ground.book())
        if variant and variant not in script.rules:
            raise CannotRun(
                f"{campaign_id} has no variant {variant!r}; it has {', '.join(script.rules) or 'one text'}."
            )
        number = _number(to, rule.region)
        if stopped := StoredFacts(tx, now).opted_out(number, rule.consent):
            raise CannotRun(f"{mask(number)} {stopped}; a test does not change that.")
        message = _as_planned(ground, tx, script, found, now, row=row, variant=variant)
        wish = Wish(
            to=number, text=message.text, actor=actor, sender=rule.sender, gateways=rule.gateways,
            locale=message.locale, key=f"{campaign_id}/test", lane=Lane.HIGH, links=message.links,
        )  # fmt: skip
        event_id, decision = queue(tx, wish, ground.new_id, now, SOURCE, TYPE)
        journal.note(
            tx, ms(now), "operator", event_id=event_id, actor=actor, reason="campaign test", detail=campaign_id
        )
        return decision

    return ground.store.write(write)


def _number(to: str, region: str) -> str:
    found = resolve([Candidate(field="to", value=to)], region if len(region) == 2 else "")
    if isinstance(found, NoRecipient):
        raise CannotRun(f"The number cannot be texted: {found.why}.")
    return found.number


def _as_planned(
    ground: Ground, tx: Tx, script: Script, found: Row, now: datetime, *, row: int, variant: str
) -> Message:
    """Return the first text that a person of the list would get. Raises CannotRun with the last reason for none."""
    why = "nobody is on it"
    members = lists.after(tx, found["list_id"], row - 1, 1 if row else LOOKED_AT)
    for member in members if not row or (members and members[0][0] == row) else []:
        decision = _decided(ground, tx, script, member, now, variant)
        if decision.message is not None:
            return decision.message
        why = f"row {member[0]} gets none: {decision.code} {decision.detail}".strip()
    raise CannotRun(
        f"No text of {script.campaign_id} can be tried: {why if not row or members else f'there is no row {row}'}."
    )


def _decided(ground: Ground, tx: Tx, script: Script, member: Member, now: datetime, variant: str) -> Decision:
    """Plan for a person, or as if they had drawn the variant that is asked for."""
    due = script.starts_at(member, now)
    event = script.event_of(member, due)
    as_asked = dict.fromkeys(script.rules, script.rules[variant]) if variant else script.rules
    chosen = replace(script, rules=as_asked)
    made = chosen.plan(event, member[1], StoredFacts(tx, due), moment_of(event.id, due, ground.new_id, new_code))
    return made.decisions[0]
