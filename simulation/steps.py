"""The steps a history is made of, and how often each is taken: what happens outside, what the service does, faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from audit import kept
from audit.conservation import unfinished
from audit.retention import purge
from simulation import people
from simulation.house import KEPT
from simulation.world import MODES, World

Step = Callable[[World], object]


def _happens(world: World) -> None:
    world.shop.something_happens()
    if world.dice.random() < 0.8:
        _send(world)
    if world.dice.random() < 0.6:
        _plan(world)


def _send(world: World) -> None:
    if world.shop.unsent:
        world.shop.sends(world.dice.choice(world.shop.unsent))


def _redeliver(world: World) -> None:
    if world.shop.answered:
        world.shop.sends(world.dice.choice(world.shop.answered))


def _poll(world: World) -> None:
    known = [*world.shop.unsent, *world.shop.answered]
    if known:
        world.shop.is_polled(world.dice.choice(known))


def _plan(world: World) -> None:
    count = world.house.worker.plan_due(world.now, world.dice.choice((1, 25)))
    if count:
        world.tell(f"planned: {count} events")


def _claim(world: World) -> None:
    found = world.house.worker.claim_due(world.now, world.dice.choice((1, 2, 3)))
    world.house.pool += found
    if found:
        world.tell("claimed: " + ", ".join(one.submission.message_id for one in found))


def _hand_over(world: World) -> None:
    pool = world.house.pool
    if not pool:
        _claim(world)
    if pool:
        world.house.worker.hand_over(pool.pop(world.dice.randrange(len(pool))), world.clock)


def _send_some(world: World) -> None:
    _plan(world)
    _claim(world)
    _hand_over(world)


def _report(world: World) -> None:
    waiting = [(carrier, one) for carrier in world.carriers.values() for one in carrier.notices[:2]]
    if waiting:
        carrier, notice = world.dice.choice(waiting)
        carrier.says(notice)


def _report_again(world: World) -> None:
    told = [(carrier, one) for carrier in world.carriers.values() for one in carrier.told]
    if told:
        carrier, notice = world.dice.choice(told)
        carrier.says(notice)


def _settle(world: World) -> None:
    count = world.house.worker.settle(world.now)
    if count:
        world.tell(f"settled: {count}")


def _steer(world: World) -> None:
    world.house.worker.steer_due(world.now)


def _recheck(world: World) -> None:
    world.house.worker.recheck_due(world.now)


def _answer(world: World) -> None:
    world.house.replying.answer_due(world.now)


def _step_campaign(world: World) -> None:
    world.house.campaigns.step(world.now)


def _replaying(world: World) -> None:
    world.house.replaying.step(world.now, 5)


def _seal(world: World) -> None:
    world.tell(f"sealed: {world.house.sealing.step(world.now)}")


def _purge(world: World) -> None:
    world.tell(f"removed what is past its time: {purge(world.house.store, KEPT, world.now)}")
    world.house.store.write(lambda tx: kept.prune(tx, world.now))


def _tidy(world: World) -> None:
    world.house.verifier.tidy(world.now)


def _empty_pool(world: World) -> None:
    """Hand over what was claimed: senders that are free never let much time pass."""
    while world.house.pool:
        world.house.worker.hand_over(world.house.pool.pop(), world.clock)


def _some_time(world: World) -> None:
    _empty_pool(world)
    world.wait(world.dice.choice((1, 5, 20, 61, 120, 610, 1800)))


def _sleep(world: World) -> None:
    """Nothing happens until something is due."""
    _empty_pool(world)
    due = unfinished(world.house.store, world.now).next_due
    if due is not None and world.now < due < world.now + timedelta(days=3):
        world.now = due
        world.tell("time passes until something is due")


def _day(world: World) -> None:
    _empty_pool(world)
    world.wait(world.dice.choice((3_600, 10_000, 40_000, 86_400, 3 * 86_400)))
    world.tell("a long time passes")


def _clock(world: World) -> None:
    seconds = world.dice.choice((-7_300, -3_600, -90, -2, 90, 700, 7_200))
    world.wait(seconds)
    world.tell(f"the clock jumps by {seconds} s")


def _arm_crash(world: World) -> None:
    world.faults.crash_in, world.faults.crash_after = world.dice.randrange(1, 7), world.one_in(2)


def _fill_disk(world: World) -> None:
    world.faults.full_for = world.dice.randrange(1, 5)
    world.faults.full_at = world.dice.choice(("begin immediate", "insert", "commit"))
    world.tell(f"the disk is full for a while (at {world.faults.full_at})")


def _break_carrier(world: World) -> None:
    carrier = world.carriers[world.dice.choice(("main", "backup", "twin"))]
    carrier.kind_now = "as usual" if carrier.kind_now == "broken" else "broken"
    world.tell(f"{carrier.name} is {carrier.kind_now}")


def _shop_silent(world: World) -> None:
    world.shop.talks = not world.shop.talks


def _restart(world: World) -> None:
    world.tell("the service is stopped in order")
    world.stop(world.dice.choice(MODES) if world.one_in(3) else world.mode)


ALWAYS: Sequence[tuple[int, Step]] = (
    (18, _happens), (3, _send), (12, _send_some), (4, _plan), (6, _claim), (14, _hand_over), (14, _report),
    (4, _settle), (2, _steer), (2, _recheck), (6, _some_time), (4, _sleep),
)  # fmt: skip
AT_TIMES: Sequence[Sequence[tuple[int, Step]]] = (
    ((5, _redeliver), (4, _poll), (1, _send)),
    ((4, _arm_crash),),
    ((2, _fill_disk),),
    ((3, _clock),),
    ((2, _day),),
    ((4, _break_carrier), (3, _settle)),
    ((5, people.reply), (3, _answer), (1, people.opt_in)),
    ((3, people.pause), (4, people.resume), (2, people.pin), (3, _steer)),
    ((3, people.cancel), (4, people.retry)),
    ((3, people.replay), (1, people.replay_all), (3, _replaying)),
    ((4, people.change_rules),),
    ((4, people.ask_code), (3, people.enter_code), (1, _tidy)),
    ((4, people.campaign), (4, _step_campaign)),
    ((2, _seal), (2, _purge), (2, _day)),
    ((2, _restart),),
    ((3, _report_again),),
    ((2, _shop_silent), (3, _recheck)),
    ((1, lambda world: world.shop.forges()),),
)  # fmt: skip
"""What a history has beside the usual: each with two chances in five, so that they meet in ever other company."""

MEANWHILE: Sequence[Step] = (
    _report, _report, people.reply, _happens, _plan, _claim, _hand_over, _settle, people.pause, people.cancel,
    _clock, _answer, _send, people.retry,
)  # fmt: skip
