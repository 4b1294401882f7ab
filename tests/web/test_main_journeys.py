"""The main journeys in a real browser: each gets to its end, and axe finds nothing wrong at any of its moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from docs.screenshots import IMAGES
from tests.web.journeys import JOURNEYS, Premises, Walk, premises, signs_in
from tests.web.test_accessible import browser, judged, pytestmark  # noqa: F401 - the same browser, on the same terms

Journey = Any


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    with premises(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.fixture(scope="module")
def page(browser: Any, place: Premises) -> Iterator[Any]:  # noqa: F811
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    signs_in(opened, place.address)
    yield opened
    context.close()


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda one: one.__name__)
def test_a_journey_ends_where_it_should(journey: Journey, page: Any, place: Premises) -> None:
    complaints: list[str] = []
    seen: dict[str, dict[str, Any]] = {}
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    walk = Walk(
        page=page, address=place.address, house=place.house, door=place.door,
        seen=lambda page, moment: seen.setdefault(moment, judged(page, moment)),
    )  # fmt: skip

    journey(walk)

    assert seen, "a journey without a moment is never looked at"
    assert {moment: faults for moment, faults in seen.items() if faults} == {}
    assert complaints == []
    assert [moment for moment in seen if not (IMAGES / f"{moment}.png").exists()] == []
