"""What the audit log says of words that are looked for."""

from __future__ import annotations

from audit.beginnings import MOST_PLACES
from audit.store import Tx
from tests.fakes.stores import only_sqlite
from tests.web.house import House

SAID = "only some of them, the newest first, are looked for"


@only_sqlite
def test_the_page_says_that_a_beginning_of_very_many_words_is_cut(house: House) -> None:
    house.order("1")
    house.store.write(_many_words)

    assert SAID in house.client().get("/console/audit?q=word").get_data(as_text=True)
    assert SAID not in house.client().get("/console/audit?q=word77").get_data(as_text=True)


def _many_words(tx: Tx) -> None:
    """More words than the index puts in order while somebody waits."""
    rows = ((f"word{number}", f"e{number}") for number in range(MOST_PLACES + 1))
    tx.executemany("insert into finder (words, event_id) values (?, ?)", rows)
