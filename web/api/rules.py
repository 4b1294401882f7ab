"""/rules: the file in force, and checking, explaining and publishing another one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import datetime

from audit.facts import StoredFacts
from audit.versions import Version
from dispatch.draft import Moment as At
from dispatch.plan import plan
from dispatch.publish import load_version
from dispatch.rehearse import rehearse
from inbound.examples import event_in
from model.access import Permission
from model.event import Event
from model.message import Decision, Message, Plan
from model.reasons import ConfigError
from model.reasons import Problem as Fault
from rules.book import Book
from web import rules_draft, rules_publish
from web.api.problems import Problem, Trouble
from web.api.route import LIVE, Call, Route, found
from web.api.rule_shapes import (
    Checked,
    DecisionOut,
    EndOut,
    Explained,
    Files,
    ProblemAt,
    Publication,
    PublishedOut,
    Question,
    RuleOut,
    RulesOut,
    TestFailed,
    TextOut,
)
from web.api.shapes import Gate, Taken
from web.desk import Editing
from web.rules_publish import Refusal, Wish

EVENT_ID = re.compile(r"e[0-9a-hjkmnp-tv-z]{13}")
MOST = 100
"""Problems and tests told at once."""


def get_rules(call: Call, _: Taken) -> RulesOut:
    """Read the rules in force."""
    version = _in_force(call)
    return RulesOut(
        version=version.number, hash=version.hash, at=version.at, by=version.actor, note=version.note,
        main=next(iter(version.files)), files=dict(version.files),
        rules=[
            RuleOut(
                id=rule.id, file=rule.file, line=rule.line, enabled=rule.enabled, shadow=rule.shadow,
                events=[f"{one.source}:{one.type}" if one.source else one.type for one in rule.events],
                lane=rule.lane.code, category=rule.consent,
            )
            for rule in call.office.desk.book().rules
        ],
    )  # fmt: skip


def check_rules(call: Call, given: Files) -> Checked:
    """Check files as if they were to be published: problems with their place, and the tests inside. Changes nothing."""
    try:
        book = _loaded(call, given.files)
    except ConfigError as error:
        return Checked(ok=False, problems=[_fault(one) for one in error.problems[:MOST]], tests=0, failed=[])
    outcomes = rehearse(book, event_in)
    failed = [one for one in outcomes if one.wrong]
    return Checked(
        ok=not failed, problems=[_fault(one) for one in _editing(call).advise(book)][:MOST], tests=len(outcomes),
        failed=[TestFailed(rule=o.rule, test=o.test, line=o.line, wrong=list(o.wrong)) for o in failed[:MOST]],
    )  # fmt: skip


def explain_event(call: Call, given: Question) -> Explained:
    """Say what the rules make of an event, and why. Nothing is sent or kept."""
    try:
        book = _loaded(call, given.files) if given.files else call.office.desk.book()
    except ConfigError as error:
        raise _refused(error) from None
    if given.event_id is not None:
        return _recorded(call, book, given.event_id)
    event = Event(
        source=given.source, type=given.type or "", native_type=given.type or "", id="preview", key=given.key,
        occurred_at=given.occurred_at or call.now, data=given.data,
    )  # fmt: skip
    ids = (f"preview-{count}" for count in itertools.count(1))
    with call.store.read() as tx:
        made = plan(
            book, event, StoredFacts(tx, call.now), At(event_id="preview", now=call.now, new_id=ids.__next__)
        )  # fmt: skip
    return _planned(call, event, made, call.now)


def publish_rules(call: Call, given: Publication) -> PublishedOut:
    """Put another version in force: checked, its tests held, with what becomes of waiting texts settled."""
    editing = _editing(call)
    version = _in_force(call)
    try:
        _loaded(call, given.files)
    except ConfigError as error:
        raise _refused(error) from None
    wish = Wish(
        files={**version.files, **given.files}, base=given.base or version.hash, who=call.key.actor, note=given.note,
        pending=given.pending,
    )  # fmt: skip
    done = rules_publish.attempt(call.office.desk, editing, wish)
    if isinstance(done, Refusal):
        errors = [{"field": name, "message": said} for name, said in done.wrong.items()]
        raise Problem(Trouble.STALE if done.stale else Trouble.RULES_REFUSED, done.sentence, errors=errors)
    return PublishedOut(
        version=done.number, hash=call.office.desk.book().hash, waiting=done.waiting, rewritten=done.rewritten,
        cancelled=done.cancelled,
    )  # fmt: skip


def _editing(call: Call) -> Editing:
    return found(call.office.desk.editing, "Rules cannot be changed here.")


def _in_force(call: Call) -> Version:
    return rules_draft.in_force(call.office.desk, _editing(call))


def _loaded(call: Call, files: Mapping[str, str]) -> Book:
    """Load files on top of those in force. Raises ConfigError, or Problem where they cannot lie in one folder."""
    try:
        return load_version({**_in_force(call).files, **files})
    except (OSError, ValueError):
        why = "These names cannot lie in one folder."
        raise Problem(Trouble.INVALID, why, errors=[{"field": "files", "message": why}]) from None


def _refused(error: ConfigError) -> Problem:
    errors = [{"field": f"{one.path}:{one.line}:{one.column}", "message": one.text} for one in error.problems[:MOST]]
    return Problem(Trouble.RULES_REFUSED, str(error.problems[0]), errors=errors)


def _fault(one: Fault) -> ProblemAt:
    return ProblemAt(path=one.path, line=one.line, column=one.column, text=one.text, hint=one.hint, level=one.level)


def _recorded(call: Call, book: Book, event_id: str) -> Explained:
    if not EVENT_ID.fullmatch(event_id):
        raise Problem(Trouble.NOT_FOUND, "There is no such event.")
    try:
        made = call.office.explain(book, event_id)[0]
    except LookupError as error:
        raise Problem(Trouble.NOT_FOUND, str(error.args[0])) from None
    return _planned(call, made.event, made.plan, made.now)


def _planned(call: Call, event: Event, made: Plan, now: datetime) -> Explained:
    return Explained(
        source=event.source, type=event.type, key=event.key, as_of=now,
        decisions=[_decision(call, one) for one in made.decisions],
        ends=[EndOut(rule=one.rule, key=one.key) for one in made.cancels if one.closes],
    )  # fmt: skip


def _decision(call: Call, one: Decision) -> DecisionOut:
    return DecisionOut(
        rule=one.rule, step=one.step, file=one.file, line=one.line, result=one.code,
        detail=call.text(one.detail or (one.because.text if one.because else "")),
        gates=[Gate(name=gate.name, passed=gate.passed, saw=call.text(gate.saw), line=gate.line) for gate in one.gates],
        message=_text(call, one.message) if one.message else None,
    )  # fmt: skip


def _text(call: Call, message: Message) -> TextOut:
    return TextOut(
        text=call.text(message.shown or message.text),
        number=call.number(message.recipient.number),
        field=message.recipient.field,
        locale=message.locale,
        segments=message.segments,
        encoding=message.encoding,
        leaves=message.due_at,
        expires=message.expires_at,
    )


MINE = {"files": {"rules.yaml": "version: 1\nrules: []\n"}}
ROUTES = (
    Route(path="/rules", view=get_rules, needs=Permission.READ, gives=RulesOut, tagged=True),
    Route(
        method="POST", path="/rules/check", view=check_rules, needs=Permission.RULES, takes=Files, gives=Checked,
        example=MINE,
    ),
    Route(
        method="POST", path="/rules/explain", view=explain_event, needs=Permission.READ, takes=Question,
        gives=Explained, troubles=(Trouble.RULES_REFUSED, Trouble.NOT_FOUND),
        example={"type": "order.created", "data": {"number": "A7", "phone": "+447700900123"}},
    ),
    Route(
        method="POST", path="/rules/publish", view=publish_rules, needs=Permission.RULES, takes=Publication,
        gives=PublishedOut, way="acts", kinds=LIVE, troubles=(Trouble.STALE, Trouble.RULES_REFUSED), wakes=True,
    ),
)  # fmt: skip
