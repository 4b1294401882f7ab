"""What a campaign would do, before anybody approves it: people, texts on a drawn phone, cost, end; and a test send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from dispatch.campaigning import CannotRun, Preview
from dispatch.campaigns.previewing import Example
from model.access import Permission
from web import access, campaign_words, forms, shell, words
from web.campaign_pages import office, shown
from web.rules_preview import ENCODINGS

SAMPLE, THOROUGH = 300, 2_000
"""People planned for the page, and for whom asks for more: the first keeps the page quick."""
LONGEST = 100
MOST_WORDINGS = 24
Page = str | tuple[str, int] | Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A text on a drawn phone, as the templates of phones want it, and for whom it is."""

    sender: str
    text: str
    title: str
    size: str
    people: str
    leaves: str
    at_once: bool = False


def register(pages: Blueprint) -> None:
    """Add the pages."""
    path = "/campaigns/<campaign_id>"
    pages.add_url_rule(f"{path}/preview", "campaign_preview", access.needs(Permission.READ, show), methods=["GET"])
    pages.add_url_rule(f"{path}/test", "campaign_test", access.needs(Permission.SEND, try_out), methods=["POST"])


def show(campaign_id: str) -> Page:
    """Show what a campaign would do."""
    return _page(campaign_id, {}, {})


def try_out(campaign_id: str) -> Page:
    """Send one text of a campaign to a colleague."""
    forms.prove()
    shown(campaign_id)
    desk = shell.desk()
    typed = {name: request.form.get(name, "").strip()[:LONGEST] for name in ("number", "row", "variant", "who")}
    who, row = access.actor(typed["who"]), typed["row"]
    wrong = {} if typed["number"] else {"number": "Write the number of a colleague's phone."}
    wrong |= {} if not row or (row.isascii() and row.isdecimal() and len(row) < 9) else {"row": "Write a row's number."}
    wrong |= {} if who else {"who": "Write your name; it is kept in the journal."}
    if wrong:
        return _page(campaign_id, typed, wrong), 422
    try:
        made = office().try_out(
            campaign_id, typed["number"], who, desk.clock(), row=int(row or 0), variant=typed["variant"]
        )
    except CannotRun as error:
        return _page(campaign_id, typed, {"number": str(error)}), 422
    if made.message is None:
        return _page(campaign_id, typed, {"number": f"Not sent: {words.because(made.code)} {made.detail}"}), 422
    desk.on_queued()
    return redirect(f"/console/messages/{made.message.id}", 303)


def _page(campaign_id: str, typed: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    found = shown(campaign_id)
    thorough = request.args.get("more") == "yes"
    try:
        seen = office().preview(campaign_id, shell.desk().clock(), sample=THOROUGH if thorough else SAMPLE)
    except CannotRun as error:
        return shell.page("campaign_preview.html", "campaigns", found=found, seen=None, said=str(error), wrong={})
    return shell.page(
        "campaign_preview.html", "campaigns", found=found, seen=seen, badge_of=campaign_words.badge(found.progress),
        sentence=_sentence(campaign_id, seen), screens=_screens(found.rule, seen), typed=typed, wrong=wrong,
        examples=[(one, _told(one)) for one in seen.examples], money=campaign_words.money, thorough=thorough,
        signed_in=access.actor(), because=words.because, more=THOROUGH,
    )  # fmt: skip


def _sentence(campaign_id: str, seen: Preview) -> str:
    about = "about " if seen.is_sample else ""
    texts = f"{about}{seen.texts:,} {'text' if seen.texts == 1 else 'texts'}"
    people = f"{seen.people:,} {'person' if seen.people == 1 else 'people'}"
    cost = campaign_words.money(seen.costs, seen.unpriced)
    return f"{campaign_id} would send {texts} to {people} on its list{f', for {about}{cost}' if cost else ''}"


def _screens(rule: str, seen: Preview) -> Sequence[Screen]:
    """Draw every text: one of each variant in each language."""
    found = shell.desk().book().get(rule)
    return [
        Screen(
            sender=found.sender if found else "", text=one.text,
            title=", ".join(filter(None, (one.variant, one.locale))) or "every language",
            size=f"{one.segments} {'segment' if one.segments == 1 else 'segments'}, "
            f"{ENCODINGS.get(one.encoding, one.encoding)}",
            leaves=f"from {seen.starts_at:%a %d %b %H:%M} UTC",
            people=f"{'about ' if seen.is_sample else ''}{one.people:,} {'person' if one.people == 1 else 'people'}",
        )
        for one in seen.wordings[:MOST_WORDINGS]
    ]  # fmt: skip


def _told(one: Example) -> str:
    """Say what one person gets, or why nothing."""
    return one.text if one.leaves_at else f"{words.because(one.code)} {one.detail}".strip()
