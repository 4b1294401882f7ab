"""People who ask for codes: most at home enter theirs, a prefix abroad asks for many and enters none."""

from __future__ import annotations

from dispatch.verifying import Verifier
from model.verification import Asked
from tests.web.house import CODES, House


def verifier(house: House) -> Verifier:
    """Return what sends and checks codes in a house."""
    made = Verifier(
        store=house.store, book=lambda: house.worker.book, policy=CODES, pepper="a pepper for the tests only",
        new_id=house.new_id, on_queued=lambda: None,
    )  # fmt: skip
    house.worker.reveal = made.reveal
    return made


def asked_for_codes(house: House) -> None:
    """Let some minutes of codes go by."""
    made = verifier(house)
    for n in range(12):
        made.start(Asked(number=f"+4477009001{n:02d}", purpose="sign-in"), house.now)
    for n in range(8):
        seen = made.start(Asked(number=f"+49171392001{n}", purpose="sign-in"), house.now)
        if n % 4:
            made.check(seen.id, made.recipe.code(seen.id), house.now)
    house.passes(minutes=5)
    made.start(Asked(number="+447700900150", purpose="sign-in"), house.now)
    made.start(Asked(number="030 23125", purpose="sign-in", region="DE"), house.now)
