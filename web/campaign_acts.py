"""What people decide about a campaign: each decision names its consequence and the count before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from audit import caps
from dispatch.campaigning import CannotRun, Changed
from dispatch.campaigns.reporting import Shown
from model.access import Permission
from model.steering import Cap
from web import access, campaign_words, forms, shell
from web.campaign_pages import fits, office, overview_with, refused, shown
from web.campaign_words import ACTS, CAPPED, Act

LONGEST = 100
MILLION = 1_000_000
Page = str | tuple[str, int] | Response


def register(pages: Blueprint) -> None:
    """Add a page that asks and one that does for each decision."""
    for act in ACTS.values():
        path, asks, does = f"/campaigns/<campaign_id>/{act.name}", partial(ask, act), partial(do, act)
        pages.add_url_rule(path, f"campaign_{act.name}", access.needs(act.permission, asks), methods=["GET"])
        pages.add_url_rule(path, f"campaign_{act.name}_do", access.needs(act.permission, does), methods=["POST"])
    release = access.needs(Permission.STEER, release_cap)
    pages.add_url_rule("/campaigns/caps", "campaign_caps", release, methods=["POST"])


def ask(act: Act, campaign_id: str) -> str:
    """Name what a decision would do, before it is made."""
    return _page(act, shown(campaign_id), {}, {})


def do(act: Act, campaign_id: str) -> Page:
    """Decide, unless somebody else has changed the campaign since it was looked at."""
    forms.prove()
    found = shown(campaign_id)
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("who", "rate", "budget", "version")}
    typed["who"] = access.actor(typed["who"])
    wrong = {} if typed["who"] else {"who": "Write your name; it is kept in the journal."}
    if act.name == "change" and not (typed["rate"] or typed["budget"]):
        wrong["rate"] = "Write a rate, or a budget, or both."
    if wrong:
        return _page(act, found, typed, wrong), 422
    try:
        _decide(act, campaign_id, typed)
    except Changed as error:
        return _page(act, found, typed, {}, stopped=str(error)), 409
    except CannotRun as error:
        if act.name == "change":
            return _page(act, found, typed, {_field(str(error), typed): str(error)}), 422
        return _page(act, found, typed, {}, stopped=str(error)), 409
    shell.desk().on_queued()
    return redirect(f"/console/campaigns/{campaign_id}", 303)


def release_cap() -> Page:
    """Allow more for today under a cap of the settings; what waits for it goes on."""
    forms.prove()
    desk = shell.desk()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("cap", "more", "who")}
    now, who = desk.clock(), access.actor(typed["who"])
    with desk.store.read() as tx:
        cap = next((one for one in caps.current(tx, now) if one.name == typed["cap"]), None)
    extra = _amount(typed["more"], cap)
    wrong = {} if cap else {"cap": "Choose one."}
    wrong |= {} if extra else {"more": "Write a number, such as 500."}
    wrong |= {} if who else {"who": "Write your name; it is kept in the journal."}
    if wrong or cap is None:
        return overview_with(typed, wrong), 422
    desk.store.write(lambda tx: caps.release(tx, cap.name, extra, who, now))
    desk.on_queued()
    return redirect("/console/campaigns", 303)


def _decide(act: Act, campaign_id: str, typed: Mapping[str, str]) -> None:
    """Make a decision on the version that was seen. Raises CannotRun, Changed."""
    now, who, version = shell.desk().clock(), typed["who"], typed["version"]
    seen = int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else abort(400)
    if act.name == "change":
        office().change(campaign_id, who, now, rate=typed["rate"], budget=typed["budget"], expected=seen)
    else:
        getattr(office(), act.name)(campaign_id, who, now, seen)


def _field(said: str, typed: Mapping[str, str]) -> str:
    """Say which field a refusal is about."""
    return "rate" if typed["rate"] and "rate" in said else "budget" if typed["budget"] else "rate"


def _amount(text: str, cap: Cap | None) -> int:
    """Read how much more: texts, or money in millionths; 0 for what cannot be meant."""
    try:
        found = float(text)
    except ValueError:
        return 0
    if not 0 < found < 1e9:
        return 0
    return round(found * MILLION) if cap is not None and cap.name.startswith("money/") else int(found)


def _page(act: Act, found: Shown, typed: Mapping[str, str], wrong: Mapping[str, str], stopped: str = "") -> str:
    """Show what a decision would do, or why it cannot be made: somebody else was quicker, or it is not this one's."""
    seen = found.progress
    state = campaign_words.badge(seen).word
    said = stopped or refused(act, found) or ("" if fits(act, found) else f"It is {state}, and this does not go then.")
    return shell.page(
        "campaign_act.html", "campaigns", act=act, found=found, seen=seen, said=said,
        badge_of=campaign_words.badge(seen), consequence=campaign_words.consequence(act.name, found),
        aside=campaign_words.aside(act.name, found), typed=typed,
        wrong=wrong, signed_in=access.actor(), capped=CAPPED, parked=campaign_words.parked,
    )  # fmt: skip
