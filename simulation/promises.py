"""What must hold after any history, told from the journal, the tables and the providers' own count alone.

Doubles are read off the tags in the texts that phones got, states off their moves. Each broken promise names its
evidence. What must hold at each handing over stands in handovers.py.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from audit import conservation, proofs, seals
from model.message import State
from simulation import handovers
from simulation.disk import rows
from simulation.records import Records
from simulation.world import World

TAG = re.compile(r"\[([^\]]+)\]")
STATES = {state.code: state for state in State}
LEFT = ("queued", "submitting")
LEFT_OVER = """
select count(*) as n from unmatched join messages using (gateway, provider_id) where provider_id <> '' and not exists (
    select 1 from sim_attempts where message = messages.id and gateway <> messages.gateway)
"""
"""What went to a second gateway is followed there only: docs of audit.coverage."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that did not hold, and what shows it."""

    promise: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.evidence}"


def broken(world: World) -> list[Broken]:
    """Hold a history that came to its end against every promise."""
    book = Records(world)
    return [Broken(name, said) for name, check in CHECKS.items() for said in check(world, book)]


def nothing_is_lost(world: World, book: Records) -> Iterator[str]:
    """A 2xx means that the event is on disk; all that is there is planned, all that waits has left or has ended."""
    came = {row["transport_id"] for row in book.came}
    unreadable = sum(row["kind"] == "received" and row["reason"] == "unreadable" for row in book.journal)
    if not unreadable and any(letter.broken for letter in world.shop.answered):
        yield "an unreadable body was answered with 200 and is not there"
    for letter in world.shop.answered:
        if not letter.broken and letter.id not in came:
            yield f"{letter.kind} {letter.id} was answered with 200 and is not there"
    yield from (f"{key} was polled and is not there" for key in world.shop.polled if key not in came)
    for row in rows(world.house.store, "select id, state from events where state in ('received', 'needs_lookup')"):
        yield f"event {row['id']} is {row['state']} for ever"
    for row in book.messages.values():
        if row["state"] in LEFT:
            yield f"message {row['id']} ({row['rule']}) is {row['state']} for ever, held by {row['held'] or 'nobody'}"


def replies_are_kept(world: World, book: Records) -> Iterator[str]:
    """A text from a phone that was answered with 2xx is on disk, and its wish with it."""
    known = {row["id"] for row in rows(world.house.store, "select id from replies")}
    wishes = {(row["number"], row["status"]) for row in book.wishes}
    for carrier in world.carriers.values():
        for notice in carrier.told:
            if notice.kind == "reply" and f"{carrier.name}:{notice.body['id']}" not in known:
                yield f"{notice.body['id']} from {notice.body['from']} was answered with 200 and is not there"
    for number, wish in world.stops.items():
        if (number, "out" if wish == "stop" else "in") not in wishes:
            yield f"{number} wrote {wish}, and the ledger does not say so"


def sums_hold(world: World, book: Records) -> Iterator[str]:
    """Every event ends in one decision per matching rule; nothing is handed over without an attempt on record."""
    yield from conservation.report(world.house.store).faults
    tried = {(row["message"], row["gateway"], row["try"]) for row in book.attempts}
    if len(tried) < len(book.attempts):
        yield "one attempt was begun twice"
    seen = set[tuple[str, str, str]]()
    for name, call in book.calls:
        key = call.submission.message_id, name, str(call.submission.attempt)
        if key not in tried:
            yield f"{name} got {key[0]} and no attempt is on record"
        if key in seen:
            yield f"{name} got {key[0]} twice in one attempt"
        seen.add(key)


def nothing_is_doubled(world: World, book: Records) -> Iterator[str]:
    """What a phone has got is handed over again only where the rule, the provider or a person takes that risk."""
    attempts = {(row["message"], row["try"]): row for row in book.attempts}
    taken: dict[str, list[Any]] = defaultdict(list)
    tagged: dict[str, set[str]] = defaultdict(set)
    for call in (call for _, call in book.calls if call.took):
        message = call.submission.message_id
        row = attempts.get((message, str(call.submission.attempt)))
        taken[message] += [row] if row is not None else []
        for tag in TAG.findall(call.submission.text):
            tagged[tag].add(message)
    for message, found in taken.items():
        yield from _repeated(message, sorted(found, key=lambda row: int(row["row"])), book)
    for tag, who in tagged.items():
        if len(who) > 1 and not any(book.by_hand(one) for one in who):
            yield f"{tag} was texted by {', '.join(sorted(who))}"


def _repeated(message: str, found: Sequence[Any], book: Records) -> Iterator[str]:
    """Name attempts at which a text was taken once more without a reason on record."""
    for first, second in pairwise(found):
        if not any(_may_repeat(row, first) for row in book.between(message, first["row"], second["row"])):
            yield f"{message} ({first['rule']}) was taken at attempts {first['try']} and {second['try']}"


def _may_repeat(row: Any, attempt: Any) -> bool:
    """Tell whether a journal row lets a text leave again that a phone may have."""
    if row["kind"] == "operator" and row["reason"] == "retried":
        return True
    if row["kind"] != "released":
        return False
    if row["reason"] == "no receipt":
        return bool(attempt["next_after"])
    return row["reason"] == "unknown" and bool(attempt["on_unknown"] == "retry" or attempt["gateway"] == "twin")


def states_go_forward(world: World, book: Records) -> Iterator[str]:
    """A state moves to a higher rank, or back into the queue for a reason on record; an end is an end."""
    for move in book.moves:
        old, new = STATES[move["old"]], STATES[move["new"]]
        if new.rank > old.rank and old is not State.CANCELLED:
            continue
        if old is State.UNCONFIRMED and new in {State.SENT, State.SENDING}:
            continue
        why = book.by_id.get((move["row"] or 0) + 1)
        said = f"{why['kind']} {why['reason']}" if why is not None and why["message_id"] == move["message"] else ""
        if not _may_go_back(old, new, said):
            yield f"{move['message']} went from {old.code} to {new.code} ({said or 'no reason on record'})"


def _may_go_back(old: State, new: State, said: str) -> bool:
    if new is not State.QUEUED:
        return False
    if old is State.SUBMITTING:
        return True  # released, held, or to be tried again
    if old is State.UNKNOWN:
        return said in {"released unknown", "operator retried", "outcome retry", "outcome rejected"}
    if old in {State.ACCEPTED, State.SENDING, State.SENT}:
        return said == "released no receipt"
    return old in {State.FAILED, State.REJECTED} and said == "operator retried"


def delivered_means_delivered(world: World, book: Records) -> Iterator[str]:
    """A state is the highest that a receipt has told; no receipt that fits a text is left over."""
    for message, found in book.of_message.items():
        row = book.messages.get(message)
        if row is None:
            continue
        told = [one["reason"] for one in found if one["kind"] == "receipt"]
        if "delivered" in told and row["state"] not in {"delivered", "cancelled"}:
            yield f"{message} was delivered and is {row['state']}"
        if row["state"] == "delivered" and "delivered" not in told:
            yield f"{message} is delivered and no receipt says so"
    if count := rows(world.house.store, LEFT_OVER)[0]["n"]:
        yield f"{count} receipts were never matched to their text"


def codes_arrive(world: World, book: Records) -> Iterator[str]:
    """A text for a code carries the code, though no table ever held it."""
    known, rule_of = _codes(world), {row["message"]: row["rule"] for row in book.attempts}
    for name, call in book.calls:
        one = call.submission
        if rule_of.get(one.message_id) == "code" and not any(code in one.text for code in known):
            yield f"{name} got {one.message_id} without its code"


def _codes(world: World) -> set[str]:
    recipe = world.house.verifier.recipe
    return {recipe.code(row["id"]) for row in rows(world.house.store, "select id from verifications")}


def no_code_is_kept(world: World, book: Records) -> Iterator[str]:
    """No table holds a code at any time: it is put into the text on its way out."""
    known = _codes(world)
    if not known:
        return
    for table, columns in SPOKEN.items():
        for column in columns:
            sql = f"select {column} as said from {table} where {column} is not null"  # noqa: S608 - our own words
            for row in rows(world.house.store, sql):
                said = row["said"].decode("utf-8", "replace") if isinstance(row["said"], bytes) else str(row["said"])
                if any(code in said for code in known):
                    yield f"a code stands in {table}.{column}"


SPOKEN = {
    "journal": ("detail", "reason", "actor", "place"), "traces": ("gates",), "events": ("data", "raw", "error"),
    "messages": ("text", "secret", "items"), "bodies": ("body",), "finder": ("words",), "sim_attempts": ("text",),
    "verifications": ("evidence",),
}  # fmt: skip


def the_record_verifies(world: World, book: Records) -> Iterator[str]:
    """`tidings audit verify` finds nothing."""
    found = seals.verify(world.house.store)
    yield from found.faults
    if found.unsealed:
        yield f"{found.unsealed} rows are under no seal"
    yield from proofs.faults(world.house.store)


CHECKS: dict[str, Callable[[World, Records], Iterator[str]]] = {
    "nothing accepted is lost": nothing_is_lost,
    "texts from phones are kept": replies_are_kept,
    "nothing is sent twice": nothing_is_doubled,
    "sums hold": sums_hold,
    "the right hour": handovers.right_hour,
    "the right person": handovers.right_person,
    "nothing about a record that is over": handovers.still_true,
    "the source was asked": handovers.asked_before,
    "the mode holds": handovers.modes_hold,
    "states go forward": states_go_forward,
    "delivered means delivered": delivered_means_delivered,
    "codes arrive": codes_arrive,
    "no code is kept": no_code_is_kept,
    "audit verify holds": the_record_verifies,
}
