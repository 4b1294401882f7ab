"""The dashboard and the alerts ask for figures that are there, in queries that Prometheus can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from docs.generate.commands import every_command
from web.metrics import METRICS

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "tidings.json").read_text("utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8"))
GRAFANA = {"$__rate_interval": "5m", "$__range": "6h", "$instance": ".*"}
OTHERS = {"up": {"job", "instance"}, "process_resident_memory_bytes": {"instance"}}
"""What Prometheus and its client library add."""


@dataclass(frozen=True)
class Query:
    where: str
    text: str

    def __str__(self) -> str:
        return self.where


def queries() -> Iterator[Query]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield Query(f"{panel['title']} {target['refId']}", filled(target["expr"]))
    for note in DASHBOARD["annotations"]["list"]:
        yield Query(note["name"], filled(note["expr"]))
    for alert in alerts():
        yield Query(alert["alert"], alert["expr"])


def filled(text: str) -> str:
    for name, value in GRAFANA.items():
        text = text.replace(name, value)
    assert "$" not in text, f"the test does not know a variable of {text}"
    return text


def alerts() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def known(name: str) -> set[str]:
    """The labels a figure has, by any of the names Prometheus keeps it under; KeyError where there is none."""
    if name in OTHERS:
        return OTHERS[name]
    base = re.sub(r"_(bucket|count|sum)$", "", name)
    found = METRICS[base if base in METRICS and METRICS[base].kind == "histogram" else name]
    return {*found.labels, "instance", *(["le"] if name.endswith("_bucket") else [])}


def selectors(query: Query) -> list[Any]:
    found: list[Any] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        return True

    promql.walk(promql.parse(query.text), pre_visit=visit)
    return found


@pytest.mark.parametrize("query", [*queries()], ids=str)
def test_a_query_can_be_read_and_asks_for_figures_that_are_there(query: Query) -> None:
    found = selectors(query)

    assert found
    for selector in found:
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= known(selector.name), f"{query}: {selector.name} has no such label"


@pytest.mark.parametrize("query", [*queries()], ids=str)
def test_a_counter_is_never_shown_as_it_is(query: Query) -> None:
    bare = re.sub(r"(rate|increase)\(.*?\]\)", "", query.text)

    assert re.findall(r"tidings_\w+(?:_total|_bucket|_count|_sum)\b", bare) == []


def test_a_name_that_is_not_exported_would_be_found() -> None:
    with pytest.raises(KeyError):
        known("tidings_handover_milliseconds")
    with pytest.raises(ValueError, match="unclosed"):
        promql.parse("sum(rate(tidings_attempts_total[5m])")


def test_every_figure_is_looked_at_somewhere() -> None:
    asked = {selector.name for query in queries() for selector in selectors(query)}
    named = {name for name in METRICS if any(one.startswith(name) for one in asked)}

    assert set(METRICS) - named <= {"tidings_rules", "tidings_webhook_last_told_timestamp_seconds"}


def test_the_dashboard_asks_whichever_prometheus_it_is_told_to() -> None:
    names = [variable["name"] for variable in DASHBOARD["templating"]["list"]]
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

    assert names == ["datasource", "instance"]
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}


def test_panels_have_ids_of_their_own_and_lie_beside_each_other() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(ids) == len(set(ids))
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23


def test_every_alert_says_what_is_wrong_and_what_to_do_by_commands_that_are_there() -> None:
    commands = {" ".join(path) for path, _ in every_command()}
    told = [words for alert in alerts() for words in re.findall(r"tidings ([a-z][\w -]*)", alert["annotations"]["do"])]

    assert told
    for words in told:
        assert any(words.startswith(command) for command in commands), words
    for alert in alerts():
        assert len(alert["annotations"]["summary"]) > 20
        assert alert["labels"]["severity"] in {"page", "ticket"}
