"""The rules: how each is doing, and the way from a changed file over its check, preview and comparison into force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, jsonify, redirect, request
from werkzeug.wrappers import Response

from audit import rule_figures
from audit.rule_figures import RuleFigures
from model.access import Permission
from model.reasons import Problem
from rules.book import Book, Rule
from rules.describe import describe
from web import forms, rules_changes, rules_draft, rules_history, rules_preview, rules_publish, shell
from web.access import actor, needs
from web.desk import Desk, Editing
from web.home_page import share
from web.rules_draft import Draft
from web.rules_preview import NoSuchEvent
from web.rules_publish import Refusal, Wish

HERE = "/console/rules"
WEEK = timedelta(days=7)
LASTS = (500, 2_000, 10_000)
MOST_RULES = 200
Page = str | tuple[str, int] | Response


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/rules", "rules", needs(Permission.READ, overview), methods=["GET"])
    pages.add_url_rule("/rules/edit", "rules_edit", needs(Permission.READ, edit), methods=["GET"])
    pages.add_url_rule("/rules/edit", "rules_check", needs(Permission.READ, _proven(check)), methods=["POST"])
    pages.add_url_rule("/rules/check", "rules_lint", needs(Permission.READ, lint), methods=["POST"])
    pages.add_url_rule("/rules/preview", "rules_preview", needs(Permission.READ, _proven(preview)), methods=["POST"])
    pages.add_url_rule("/rules/diff", "rules_diff", needs(Permission.READ, _proven(diff)), methods=["POST"])
    pages.add_url_rule("/rules/publish", "rules_publish", needs(Permission.RULES, _proven(publish)), methods=["POST"])
    for name in ("preview", "diff", "publish"):  # a reloaded result asks for its address with GET
        again = needs(Permission.READ, lambda: redirect(f"{HERE}/edit"))
        pages.add_url_rule(f"/rules/{name}", f"rules_{name}_again", again, methods=["GET"])
    rules_history.register(pages)


def overview() -> str:
    """Show what each rule listens to and how it did."""
    desk = shell.desk()
    week = rule_figures.of_rules(desk.store, desk.clock() - WEEK)
    book = desk.book()
    advice = rules_draft.advised(desk.editing, book) if desk.editing else ()
    start = _start(request.args.get("from", ""))
    shown = book.rules[start : start + MOST_RULES]
    rows = [_row(rule, week.rules.get(rule.id, RuleFigures()), advice) for rule in shown]
    more = f"{HERE}?from={start + MOST_RULES}" if len(book.rules) > start + MOST_RULES else ""
    version = rules_draft.in_force(desk, desk.editing) if desk.editing else None
    return shell.page(
        "rules.html", "rules", rows=rows, total=len(book.rules), more=more, cut=week.cut, version=version,
        most=rule_figures.MOST,
    )  # fmt: skip


def _start(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _row(rule: Rule, figures: RuleFigures, advice: Sequence[Problem]) -> dict[str, Any]:
    words = dict(describe(rule))
    ends = next((place for name, place in sorted(rule.places.items(), key=lambda item: item[1]) if name), None)
    found = [one for one in advice if one.path == rule.file and _within(rule, one.line)]
    return {
        "rule": rule,
        "listens": ["a list of people"] if rule.campaign else words["listens to"].split(", "),
        "starts": ends[0] if ends else rule.line,
        "figures": figures,
        "delivered": share(figures.delivered, figures.reported),
        "replied": share(figures.replied, figures.sent),
        "skips": figures.skips.most_common(3),
        "more_skips": max(len(figures.skips) - 3, 0),
        "problems": found,
        "errors": any(one.level == "error" for one in found),
    }


def _within(rule: Rule, line: int) -> bool:
    lines = [place[0] for place in rule.places.values()]
    return rule.line <= line <= max(lines, default=rule.line)


def edit() -> str:
    """Open the main file of the version in force."""
    desk, editing = _editing()
    version = rules_draft.in_force(desk, editing)
    draft = rules_draft.fresh(version)
    on_disk = editing.path.read_text("utf-8", "replace") if editing.path.is_file() else ""
    return _page(desk, draft, desk.book(), differs=on_disk != draft.source)


def check() -> Page:
    """Show everything that is wrong with what was typed, and how its tests go."""
    desk, editing, draft = _draft()
    return _page(desk, _advised(draft, editing), draft.book, sentence=_verdict(draft), checked=True)


def lint() -> Response:
    """Answer the page while somebody types: problems and tests, without the slower advice."""
    forms.prove()
    draft = _draft()[2]
    return jsonify({**draft.as_dict(), "sentence": _verdict(draft)})


def preview() -> Page:
    """Show what the typed rules make of one event."""
    desk, _, draft = _draft()
    if draft.book is None:
        return _page(desk, draft, None, sentence=_verdict(draft), checked=True)
    try:
        shown = rules_preview.preview(
            draft.book, draft.lines, desk.store, draft.typed["sample"], draft.typed["event"]
        )  # fmt: skip
    except NoSuchEvent as error:
        return _page(desk, draft, draft.book, sentence=error.sentence, wrong={error.name: error.sentence}), 422
    texts = sum(verdict.screen is not None for one in shown for verdict in one.verdicts)
    said = f"Preview: {'no text' if not texts else '1 text' if texts == 1 else f'{texts} texts'}, nothing was sent"
    return _page(desk, draft, draft.book, sentence=said, previews=shown)


def diff() -> Page:
    """Show which texts of recorded events would differ."""
    desk, _, draft = _draft()
    if draft.book is None:
        return _page(desk, draft, None, sentence=_verdict(draft), checked=True)
    last = int(draft.typed["last"]) if draft.typed["last"] in map(str, LASTS) else LASTS[1]
    played = rules_changes.play(desk, draft.book, last)
    count = played.comparison.total
    said = (
        f"{count:,} {'text' if count == 1 else 'texts'} would differ over the last {played.comparison.events:,} events"
    )
    return _page(desk, draft, draft.book, sentence=said, played=played)


def publish() -> Page:
    """Put the typed file in force, or say why not and keep everything that was typed."""
    desk, editing, draft = _draft()
    typed = draft.typed
    base = typed["over"] or draft.base
    wish = Wish(files=draft.files, base=base, who=actor(typed["who"]), note=typed["note"], pending=typed["pending"])
    done = rules_publish.attempt(desk, editing, wish)
    if not isinstance(done, Refusal):
        return redirect(rules_history.after(done), 303)
    newest = rules_draft.in_force(desk, editing)
    theirs = rules_changes.lines(draft.source, newest.files[next(iter(newest.files))]) if done.stale else []
    page = _page(
        desk, draft, draft.book, sentence=done.sentence, wrong=done.wrong, checked=bool(draft.problems or draft.failed),
        newest=newest if done.stale else None, theirs=theirs,
    )  # fmt: skip
    return page, 409 if done.stale else 422


def _proven(view: Callable[[], Page]) -> Callable[[], Page]:
    """Guard a view: nothing happens without proof, and what was typed before a restart is not lost."""

    def guarded() -> Page:
        try:
            forms.prove()
        except forms.TooOld:
            desk, _, draft = _draft()
            said = "Nothing was done: the service was started again since this page was opened. Please try once more."
            return _page(desk, draft, draft.book, sentence=said), 400
        return view()

    return guarded


def _editing() -> tuple[Desk, Editing]:
    desk = shell.desk()
    return desk, desk.editing or abort(404)


def _draft() -> tuple[Desk, Editing, Draft]:
    """Read the form. Someone else's version may be in force by now; what surrounds the main file is always that."""
    desk, editing = _editing()
    return desk, editing, rules_draft.read(request.form, rules_draft.in_force(desk, editing))


def _advised(draft: Draft, editing: Editing) -> Draft:
    if draft.book is None:
        return draft
    return replace(draft, problems=rules_draft.advised(editing, draft.book))


def _verdict(draft: Draft) -> str:
    """Say how the file stands."""
    if draft.book is None:
        count = len(draft.problems)
        return "1 problem in the file" if count == 1 else f"{count} problems in the file"
    total, failed = len(draft.outcomes), len(draft.failed)
    tests = f"{total - failed} of {total} tests hold" if total else "it holds no tests"
    return f"The file can be published: {tests}" if not failed else f"{tests}: it cannot be published"


def _page(desk: Desk, draft: Draft, book: Book | None, **values: Any) -> str:
    held = rules_draft.waiting(desk, book)
    defaults: dict[str, Any] = {
        "sentence": "", "wrong": {}, "checked": False, "previews": (), "played": None, "newest": None, "theirs": (),
        "differs": False,
    }  # fmt: skip
    return shell.page(
        "rules_edit.html",
        "rules",
        draft=draft,
        version=rules_draft.in_force(desk, desk.editing) if desk.editing else None,
        marks=_marks(draft),
        held=len(held),
        held_rules=sorted({message.rule for message in held}),
        settled=rules_publish.SETTLED,
        samples=rules_preview.sample_names(),
        sample=draft.typed.get("sample") or rules_preview.first_choice(book),
        lasts=LASTS,
        last=draft.typed.get("last") or str(LASTS[1]),
        widest=min(max(map(len, draft.lines)) + 2, 1000),
        **{**defaults, **values},
    )


def _marks(draft: Draft) -> dict[int, str]:
    """Which lines have something wrong."""
    found = {one.line: one.level for one in reversed(draft.problems) if one.path == draft.main}
    return found | {one.line: "error" for one in draft.failed if one.file == draft.main}
