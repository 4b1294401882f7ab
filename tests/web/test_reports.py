"""The reports page: figures beside the period before, charts that read without colour, a file for spreadsheets."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from model.message import State
from tests.web.house import House
from web import charts
from web.charts import Point


@pytest.fixture
def busy(house: House) -> House:
    """Eight days: one text a day, the last one not delivered."""
    house.now -= timedelta(days=8)
    for day in range(8):
        house.delivered(f"D{day}", phone=f"+4917139200{20 + day}")
        house.now += timedelta(days=1)
    house.reports(house.order("X", phone="+491713920040"), State.UNDELIVERED, "30005")
    house.order("small", total=5)
    return house


def plain(house: House, address: str) -> str:
    answer = house.client().get(address)
    assert answer.status_code == 200
    return " ".join(answer.get_data(as_text=True).split())


def test_figures_stand_beside_those_of_the_period_before(busy: House) -> None:
    page = plain(busy, "/console/reports?days=7")

    assert '<dt>Sent</dt><dd><span>7</span></dd><dd class="then">before 2</dd>' in page
    assert '<span>85.7%</span></dd><dd class="then">before 100.0%' in page
    assert "final receipts for 100.0% of those sent; the target is 98%" in page


def test_each_rule_has_a_line_and_each_reason_leads_to_its_decisions(busy: House) -> None:
    page = plain(busy, "/console/reports")

    assert '<td data-label="Rule">order-confirmed</td> <td class="num" data-label="Sent">9</td>' in page
    assert '<br><span class="dim">30005</span>' in page
    assert '<a href="/console/audit?reason=when">' in page


@pytest.mark.parametrize("query", ["days=9999&by=number", "days=-1", "by=text;drop", "days=%00"])
def test_nonsense_in_the_address_shows_the_usual_report(busy: House, query: str) -> None:
    assert "By rule" in plain(busy, f"/console/reports?{query}")


def test_the_spreadsheet_has_the_same_lines(busy: House) -> None:
    answer = busy.client().get("/console/reports.csv?days=30&by=country")

    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert {row["country"]: (row["sent"], row["delivered"], row["no_text"]) for row in rows} == {
        "DE": ("9", "8", "0"),
        "": ("0", "0", "1"),
    }
    assert answer.headers["Content-Disposition"] == "attachment; filename=tidings-country-30d.csv"


def test_a_name_that_a_spreadsheet_would_calculate_is_only_text(house: House) -> None:
    house.delivered("E1", source="=HYPERLINK(1)")

    assert "'=HYPERLINK(1),1," in house.client().get("/console/reports.csv?by=source").get_data(as_text=True)


def test_a_chart_is_sound_svg_whose_every_word_is_escaped() -> None:
    points = [Point(name="<b>1", value=0.99, words="99%"), Point(name="2", value=None, words="–"),
              Point(name="3", value=0.2, words="&")]  # fmt: skip

    drawn = charts.line("a <title>", points, target=0.98, low=0.9)

    tree = ET.fromstring(drawn)  # noqa: S314 - our own
    assert tree.attrib["aria-label"] == "a <title>"
    assert len(tree.findall(".//circle")) == 2
    assert len(tree.findall(".//polyline")) == 2
    assert "target 98%" in drawn


@pytest.mark.parametrize(
    ("most", "top"), [(0, "1"), (1, "1"), (3, "5"), (7, "10"), (11, "20"), (51, "100"), (1.5, "2"), (999, "1,000")]
)
def test_a_chart_ends_at_a_round_number(most: int, top: str) -> None:
    assert f">{top}</text>" in charts.bars("counts", [Point(name="a", value=most, words="")])


def test_nothing_at_all_is_said_in_words(house: House) -> None:
    assert "Nothing was planned in this time." in plain(house, "/console/reports")
