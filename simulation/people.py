"""Phones that write back, operators at the console and the command line, visitors who ask for a code."""

from __future__ import annotations

import io
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from audit import byhand, consent, events, replays, steering
from audit.consent import Consent
from audit.replays import Choice, Replay
from dispatch.campaigning import CannotRun
from dispatch.publish import CHOICES, publish
from model.reasons import ConfigError
from model.steering import Pause, Pin
from model.verification import Asked
from simulation import books
from simulation.carriers import Notice
from simulation.disk import rows
from simulation.senders import PHONES

if TYPE_CHECKING:
    from simulation.world import World

WORDS = ("STOP", "STOP", "STOP", "START", "HELP", "yes please", "Stopp")
KIM, INES = "Kim", "Ines"


def reply(world: World) -> None:
    """A phone writes; its provider brings it."""
    carrier = world.carriers[world.dice.choice(("main", "backup"))]
    world.count("texts from phones")
    body = {"id": f"in{world.counts['texts from phones']}", "from": world.dice.choice(PHONES),
            "text": world.dice.choice(WORDS)}  # fmt: skip
    notice = Notice("reply", body)
    carrier.notices.append(notice)
    carrier.says(notice)


def opt_in(world: World) -> None:
    """An operator writes down that somebody wants texts: all, or those of a category."""
    number, category = world.dice.choice(PHONES), world.dice.choice(("", "marketing", "marketing"))
    said = Consent(number=number, category=category, status="in", source="form", channel="console", actor=KIM,
                   at=world.now)  # fmt: skip
    world.house.store.write(lambda tx: consent.record(tx, said, world.now))
    world.tell(f"{KIM} writes down that {number} wants {category or 'all'} texts")


def pause(world: World) -> None:
    """Pause everything (codes may be spared), a rule or a gateway."""
    scope, name = world.dice.choice((("all", ""), ("rule", "paid"), ("rule", "order"), ("gateway", "main")))
    spared = frozenset({"otp"}) if world.one_in(2) else frozenset[str]()
    wish = Pause(scope=scope, name=name, spared=spared, reason="wait", actor=KIM, since=world.now)  # type: ignore[arg-type]
    done = world.house.store.write(lambda tx: steering.pause(tx, wish))
    world.tell(f"{KIM} pauses {scope} {name}{' but for codes' if spared else ''}: {done}")


def resume(world: World) -> None:
    """End one pause."""
    found = rows(world.house.store, "select scope, name from pauses order by scope, name")
    if found:
        row = world.dice.choice(found)
        world.house.store.write(lambda tx: steering.resume(tx, row["scope"], row["name"], KIM, world.now))
        world.tell(f"{KIM} resumes {row['scope']} {row['name']}")


def pin(world: World) -> None:
    """Send texts first to a gateway, or keep them off it, for a while."""
    wish = Pin(gateway=world.dice.choice(("main", "backup")), away=world.one_in(2), reason="trial", actor=KIM,
               since=world.now, until=world.now + timedelta(minutes=20))  # fmt: skip
    world.house.store.write(lambda tx: steering.pin(tx, wish))
    world.tell(f"{KIM} pins {wish.gateway}{' away' if wish.away else ''}")


def unpin(world: World) -> None:
    """End all pins."""
    for row in rows(world.house.store, "select gateway from pins order by gateway"):
        world.house.store.write(partial(steering.unpin, gateway=row["gateway"], actor=KIM, now=world.now))


def cancel(world: World) -> None:
    """Take one waiting text back."""
    found = rows(world.house.store, "select id from messages where state = 'queued' order by id")
    if found:
        chosen = world.dice.choice(found)["id"]
        done = world.house.store.write(lambda tx: byhand.cancel(tx, chosen, KIM, world.now))
        world.tell(f"{KIM} cancels {chosen}: {done}")


def retry(world: World) -> None:
    """Let a text leave once more that no gateway took, or whose outcome is unknown: the operator's own risk."""
    found = rows(
        world.house.store, "select id from messages where state in ('failed', 'rejected', 'unknown') order by id"
    )
    if found:
        chosen = world.dice.choice(found)["id"]
        done = world.house.store.write(lambda tx: byhand.retry(tx, chosen, KIM, world.now))
        world.tell(f"{KIM} lets {chosen} leave again: {done}")


def replay(world: World) -> None:
    """Have one event planned again."""
    found = rows(world.house.store, "select id from events where state = 'planned' order by id")
    if found:
        chosen = world.dice.choice(found)["id"]
        done = world.house.store.write(lambda tx: events.replay(tx, chosen, KIM, world.now))
        world.tell(f"{KIM} has {chosen} planned again: {done}")


def replay_all(world: World) -> None:
    """Have every planned event planned again."""
    found = rows(world.house.store, "select id from events where state = 'planned' order by id")
    if found:
        wish = Replay(choice=Choice(), upto=found[-1]["id"], total=len(found), actor=KIM, at=world.now)
        world.house.store.write(lambda tx: replays.begin(tx, wish))
        world.tell(f"{KIM} orders {len(found)} events to be planned again")


def change_rules(world: World) -> None:
    """Publish another version, or edit the file; the service follows, at once or with the next look."""
    house, text = world.house, world.dice.choice(books.VERSIONS)
    by_hand = world.one_in(3)
    try:
        if by_hand:
            world.rules_file.write_text(text, "utf-8")
            world.tell(f"{KIM} edits the rules file")
        else:
            choice = world.dice.choice(CHOICES)
            world.tell(f"{KIM} publishes version {books.VERSIONS.index(text)}, waiting texts: {choice}")
            publish(house.store, house.worker.book, {"rules.yaml": text}, world.rules_file, actor=KIM, note="",
                    pending=choice, now=world.now)  # fmt: skip
        house.worker.book = books.book_of(world.rules_file.read_text("utf-8"))
        world.in_force()
    except ConfigError as error:
        world.tell(f"   refused: {error.problems[0].text}")
        if by_hand:  # the service keeps what it had, and somebody mends the file before the next start
            world.rules_file.write_text(books.RULES, "utf-8")


def ask_code(world: World) -> None:
    """A visitor asks for a code."""
    number = world.dice.choice(PHONES)
    seen = world.house.verifier.start(Asked(number=number, purpose="login", actor="shop"), world.now)
    world.codes.append(seen)
    world.tell(f"a visitor asks for a code to {number}: {seen.id}")


def enter_code(world: World) -> None:
    """A visitor enters the right code or a wrong one."""
    if world.codes:
        seen = world.dice.choice(world.codes)
        right = world.house.verifier.recipe.code(seen.id)
        typed = right if world.one_in(2) else "0000000000"
        done = world.house.verifier.check(seen.id, typed, world.now)
        world.tell(f"a visitor enters {'the right' if typed == right else 'a wrong'} code for {seen.id}: {done}")


def campaign(world: World) -> None:
    """Begin a small campaign, or move one that is there."""
    found = rows(world.house.store, "select id, state from campaigns order by id")
    try:
        said = _move(world, found[0]["id"], found[0]["state"]) if found else _begin(world)
    except CannotRun as error:
        said = f"refused: {error}"
    world.tell(f"campaign: {said}")


def _begin(world: World) -> str:
    campaigns, now = world.house.campaigns, world.now
    people = [f"{phone},P{place}" for place, phone in enumerate(PHONES) if world.dice.random() < 0.8]
    file = io.BytesIO("\r\n".join(["phone,name", *people, people[0] if people else ""]).encode())
    for number in PHONES:
        wish = Consent(number=number, category="marketing", status="in", source="form", channel="console", at=now)
        world.house.store.write(partial(consent.record, said=wish, now=now))
    list_id = campaigns.read_list(file, "people.csv", "news", KIM, now, again=True)
    made = campaigns.prepare("news", list_id, KIM, now)
    campaigns.approve(made, INES, now)  # who made it must not approve it
    campaigns.start(made, INES, now)
    return f"{made} with {len(people)} people begins"


def _move(world: World, campaign_id: str, state: str) -> str:
    campaigns, now = world.house.campaigns, world.now
    if state == "running" and world.one_in(3):
        return f"cancelled, {campaigns.cancel(campaign_id, KIM, now)} ended"
    if state == "running":
        campaigns.pause(campaign_id, KIM, now)
        return "paused"
    if state == "draft":
        campaigns.approve(campaign_id, INES, now)
        return "approved"
    campaigns.start(campaign_id, KIM, now)
    return "goes on"
