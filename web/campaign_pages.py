"""Campaigns: which there are and how far each is, making one, following it live, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import campaigns, caps, lists
from dispatch.campaigning import Campaigns, CannotRun
from dispatch.campaigns.reporting import Shown
from model.access import Permission, Role
from web import access, campaign_words, forms, shell
from web.campaign_words import ACTS, CAPPED, Act
from web.report_pages import percent
from web.words import Badge

PAGE, LONGEST = 50, 200
REFRESH = 3
"""Seconds after which a page that shows a running campaign looks again."""
Page = str | tuple[str, int] | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One campaign of the list. `known` is the share of its texts whose end is known, `rate` of those delivered."""

    found: Shown
    badge: Badge
    next: str
    rate: float | None
    known: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something that can be decided now; `refused` says kindly why this visitor cannot."""

    act: Act
    refused: str


def register(pages: Blueprint) -> None:
    """Add the pages."""
    read, send = Permission.READ, Permission.SEND
    pages.add_url_rule("/campaigns", "campaigns", access.needs(read, overview), methods=["GET"])
    pages.add_url_rule("/campaigns/new", "campaign_new", access.needs(send, ask), methods=["GET"])
    pages.add_url_rule("/campaigns/new", "campaign_make", access.needs(send, make), methods=["POST"])
    pages.add_url_rule("/campaigns/<campaign_id>", "campaign", access.needs(read, show), methods=["GET"])


def overview() -> str:
    """List campaigns, newest first, with how far each is and what comes next; and the caps of the day."""
    return overview_with({}, {})


def ask() -> str:
    """Ask for a rule and a list."""
    return _asking({name: request.args.get(name, "")[:LONGEST] for name in ("rule", "list")}, {})


def make() -> Page:
    """Make a campaign. Nothing leaves before it is approved and started."""
    forms.prove()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("rule", "list", "who")}
    who = access.actor(typed["who"])
    wrong = {} if who else {"who": "Write your name; whoever makes a campaign cannot approve it."}
    if not wrong:
        try:
            made = office().prepare(typed["rule"], typed["list"], who, shell.desk().clock())
            return redirect(f"/console/campaigns/{made}/preview", 303)
        except CannotRun as error:
            wrong = {"list" if str(error).startswith("There is no complete list") else "rule": str(error)}
    return _asking(typed, wrong), 422


def show(campaign_id: str) -> str:
    """Show how a campaign is, what can be decided now, and what came of it so far."""
    found, now = shown(campaign_id), shell.desk().clock()
    seen = found.progress
    with shell.desk().store.read() as tx:
        made_of = lists.get(tx, found.list_id)
    return shell.page(
        "campaign.html", "campaigns", found=found, seen=seen, badge_of=campaign_words.badge(seen),
        sentence=campaign_words.sentence(found), report=office().report(campaign_id, now), list=made_of,
        choices=choices(found), missing=campaign_words.missing(found), capped=CAPPED,
        parked=campaign_words.parked, refresh=REFRESH if seen.state == "running" else 0, percent=percent,
        money=campaign_words.money,
    )  # fmt: skip


def office() -> Campaigns:
    """Return what campaigns are run by; nothing is here where there is none."""
    return shell.desk().campaigns or abort(404)


def shown(campaign_id: str) -> Shown:
    """Return a campaign that an address names."""
    try:
        return office().show(campaign_id, shell.desk().clock())
    except CannotRun:
        return abort(404)


def choices(found: Shown) -> list[Choice]:
    """Return what can be decided about a campaign in its state."""
    return [Choice(act=act, refused=refused(act, found)) for act in ACTS.values() if fits(act, found)]


def fits(act: Act, found: Shown) -> bool:
    """Tell whether something can be decided as a campaign is now."""
    seen = found.progress
    if act.name == "approve" and not campaign_words.missing(found):
        return False
    if act.name == "release" and CAPPED.isdisjoint(seen.parked):
        return False
    return seen.state in act.states


def refused(act: Act, found: Shown) -> str:
    """Say kindly why this visitor cannot decide something; "" where they can."""
    visitor = access.known()
    if visitor is None or not visitor.may(act.permission):
        roles = " or ".join(role.code for role in Role if role.may(act.permission))
        return f"This is for people in the role {roles}."
    if act.name == "approve" and visitor.name and _same(visitor.name, found.made_by):
        return "You made this campaign, so somebody else has to look at it: four eyes see more than two."
    if act.name == "approve" and any(_same(visitor.name, who) for who, _ in found.approvals):
        return "You have approved it already; it waits for somebody else."
    return ""


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def overview_with(typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    """Show the list of campaigns, with what is wrong with a wish about the caps of the day."""
    desk = shell.desk()
    now = desk.clock()
    office()
    with desk.store.read() as tx:
        ids = [row["id"] for row in campaigns.listing(tx)]
        limits = caps.current(tx, now)
    before = request.args.get("before", "")
    begin = ids.index(before) + 1 if before in ids else 0
    return shell.page(
        "campaigns.html", "campaigns", rows=[_listed(shown(one)) for one in ids[begin : begin + PAGE]], limits=limits,
        older=f"/console/campaigns?before={ids[begin + PAGE - 1]}" if len(ids) > begin + PAGE else "", typed=typed,
        first="/console/campaigns" if begin else "", percent=percent, wrong=wrong, signed_in=access.actor(),
        rules=[rule.id for rule in desk.book().rules if rule.campaign is not None],
    )  # fmt: skip


def _listed(found: Shown) -> Listed:
    seen = found.progress
    ended = seen.delivered + seen.failed
    return Listed(
        found=found, badge=campaign_words.badge(seen), next=campaign_words.next_step(found),
        rate=seen.delivered / ended if ended else None, known=min(1.0, ended / seen.left) if seen.left else None,
    )  # fmt: skip


def _asking(typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    desk = shell.desk()
    with desk.store.read() as tx:
        found = [row for row in lists.listing(tx) if row["complete"]]
    return shell.page(
        "campaign_new.html", "campaigns", typed=typed, wrong=wrong, lists=found, signed_in=access.actor(),
        rules=[rule for rule in desk.book().rules if rule.campaign is not None],
    )  # fmt: skip
