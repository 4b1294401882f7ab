"""/rules: the file in force, and checking, explaining and publishing another one."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

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
from web.api.shapes import EVENT_SOURCE, EventType, Gate, Given, Moment, Taken, Word
from web.desk import Editing
from web.rules_publish import Refusal, Wish

EVENT_ID = re.compile(r"e[0-9a-hjkmnp-tv-z]{13}")
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*){0,3}\.ya?ml$")]
Content = str
MOST = 100


class Files(Taken):
    """Another version of the rules: files by name, in place of those in force of the same name."""

    files: Annotated[dict[FileName, Content], Field(min_length=1, max_length=100)]


class Publication(Files):
    """What to put in force, and why. `base` is the hash of the version it was made from."""

    note: Annotated[Word, Field(min_length=1)] = Field(description="Why; kept in the history.")
    base: Word = Field(default="", description="Publish only while this is the version in force.")
    pending: Literal["", "keep", "re-render", "cancel"] = Field(
        default="", description="What becomes of texts that wait and whose rule changes."
    )


class Question(Taken):
    """Which event to explain: one of the record by its `event_id`, or one that is described here."""

    event_id: Word | None = Field(default=None, description="An event of the record.")
    type: EventType | None = Field(default=None, description="The type of an event that is described here.")
    source: Word = Field(default=EVENT_SOURCE, description="Where it comes from.")
    key: Word = Field(default="", description="The record it is about.")
    occurred_at: Moment | None = Field(default=None, description="When it happened; without it, now.")
    data: dict[str, Any] = Field(default_factory=dict, description="What rules may read.")
    files: Annotated[dict[FileName, Content], Field(max_length=100)] | None = Field(
        default=None, description="Explain with these files in place of those in force."
    )

    @model_validator(mode="after")
    def _one_event(self) -> Question:
        if (self.event_id is None) == (self.type is None):
            raise ValueError("give either event_id or type")
        return self


class RuleOut(Given):
    """One rule and where it stands."""

    id: str
    file: str
    line: int
    events: list[str]
    enabled: bool
    shadow: bool
    lane: str
    category: str


class RulesOut(Given):
    """The version in force, with every file; `main` is the first to be read."""

    version: int
    hash: str
    at: datetime
    by: str
    note: str
    main: str
    files: dict[str, str]
    rules: list[RuleOut]


class ProblemAt(Given):
    """Something wrong in a file, or (level warning) what would work and still go wrong. Lines count from 1."""

    path: str
    line: int
    column: int
    text: str
    hint: str
    level: str


class TestFailed(Given):
    """A test of the file that does not hold."""

    rule: str
    test: str
    line: int
    wrong: list[str]


class Checked(Given):
    """Whether the files could be published; what is wrong, and the tests that do not hold."""

    ok: bool
    problems: list[ProblemAt]
    tests: int
    failed: list[TestFailed]


class TextOut(Given):
    """The text that would be sent."""

    text: str
    number: str
    field: str
    locale: str
    segments: int
    encoding: str
    leaves: datetime
    expires: datetime


class DecisionOut(Given):
    """What one rule decides: `result` is send or a reason code."""

    rule: str
    step: str
    file: str
    line: int
    result: str
    detail: str
    gates: list[Gate]
    message: TextOut | None


class EndOut(Given):
    """A record whose waiting texts the event ends."""

    rule: str
    key: str


class Explained(Given):
    """What the rules make of an event. Nothing was sent."""

    source: str
    type: str
    key: str
    as_of: datetime
    decisions: list[DecisionOut]
    ends: list[EndOut]


class PublishedOut(Given):
    """The version that is in force now, and what became of texts that waited."""

    version: int
    hash: str
    waiting: int
    rewritten: int
    cancelled: int


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
