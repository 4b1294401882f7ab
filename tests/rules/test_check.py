"""The checker: each thing it refuses or warns of has a file that shows it, with the exact sentences at its end."""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from advice import advise, catalogue
from model.reasons import ConfigError, Problem
from rules.load import load

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "rules" / "checks").glob("*.yaml"))
ROOT = Path(__file__).parents[2]
RULE = """
  - id: r{n}
    event: order.created
    when:
      - total > {n}
      - status in ['paid', 'authorized']
    to: [phone, customer.phone, shipping_address.phone]
    locale: customer.locale
    text:
      en: "Hi {{{{ customer.first_name|default('you') }}}}, {{{{ number }}}} ({n}): {{{{ total|money(currency) }}}}."
      de: "Hallo {{{{ customer.first_name|default('') }}}}, Bestellung {{{{ number }}}} ({n}) ist da – vielen Dank."
    dedupe: {{key: "{{{{ id }}}}", for: 30d}}
"""


def told(path: Path) -> list[Problem]:
    try:
        return advise(load(path))
    except ConfigError as error:
        return error.problems


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_each_file_is_told_exactly_what_is_wrong_with_it(path: Path) -> None:
    expected = re.findall(r"^# says (.*)$", path.read_text("utf-8"), re.MULTILINE)

    said = [str(problem).removeprefix(f"{path.name}:") for problem in told(path)]

    # how many samples there are is nobody's promise
    assert [re.sub(r"\d+ of \d+ samples, such as \S+:", "some samples:", line) for line in said] == expected


PROMISED = {
    "unknown fields against the connector's published field list": "unknown-field",
    "undefined variables": "undefined-variable",
    "undefined variables against the sample payloads": "undefined-in-a-sample",
    "a text that invites CANCEL": "invites-cancel",
    "a text that invites END or QUIT": "invites-end-or-quit",
    "a text that invites STOP": "invites-stop-to-opt-out",
    "a text that invites YES": "invites-yes",
    "marketing without an opt-out line": "no-opt-out",
    "a variant without a way out": "variant-without-opt-out",
    "smart punctuation that doubles the cost": "smart-punctuation",
    "an emoji that doubles the cost": "emoji",
    "public link shorteners": "shortener",
    "short links without a domain": "short-link-without-domain",
    "short links of a domain that no phone can reach": "short-link-private-domain",
    "short links of what is not kept": "short-link-of-a-secret",
    "card numbers": "card-number",
    "fields that hold card data": "card-field",
    "health words": "health",
    "alphanumeric senders where the country forbids them": "alphanumeric-sender",
    "a worst-case length above max_segments": "too-long",
    "two rules that would text the same person for the same event": "texted-twice",
    "a reminder without if_past": "reminder-without-if-past",
    "quiet hours that can never open before the ttl": "quiet-past-ttl",
    "hours of the law that can never open before the ttl": "law-past-ttl",
    "a campaign without consent": "campaign-without-consent",
    "a name that another source has for a field": "name-of-another-source",
    "a key that the cancelling event lacks": "unmatched-key",
    "recipients nobody sends": "unknown-recipients",
}
"""What the checker promises to find, and the file that shows it."""


@pytest.mark.parametrize(("promise", "name"), PROMISED.items(), ids=PROMISED)
def test_each_promise_has_a_file_that_breaks_it(promise: str, name: str) -> None:
    (path,) = [fixture for fixture in FIXTURES if fixture.stem == name]

    assert (told(path) != []) is (name != "invites-stop-to-opt-out"), promise


def test_every_file_that_shows_a_fault_stands_in_the_table() -> None:
    harmless = {"nothing-wrong", "cyrillic", "one-unknown-recipient"}

    assert {path.stem for path in FIXTURES} - harmless == set(PROMISED.values())


def test_the_rules_that_come_with_tidings_have_no_errors() -> None:
    problems = advise(load(ROOT / "rules" / "rules.yaml"))

    assert [str(problem) for problem in problems if problem.level == "error"] == []


def test_what_a_described_source_may_send_is_known_to_rules_that_name_it(tmp_path: Path) -> None:
    rule = "version: 1\nrules: [{{id: a, event: '{}order.created', to: [handy], text: Hi}}]"
    anything = SimpleNamespace(connector="generic", options={})
    described = SimpleNamespace(connector="generic", options={"fields": {"handy": "body.mobile"}})

    def errors(event: str, source: SimpleNamespace) -> list[str]:
        book = load(tmp_path / "r.yaml", rule.format(event).encode())
        return [p.text for p in advise(book, {"mill": source}) if p.level == "error"]

    assert errors("mill:", anything) == []
    assert errors("", anything) == ["order.created has no field handy."]
    assert errors("", described) == []


def test_a_configured_source_is_known_by_its_own_name() -> None:
    found = catalogue({"shop": SimpleNamespace(connector="shopify", options={})})

    assert found["shop:order.created"].keys() < found["order.created"].keys()


def test_a_field_that_nobody_sends_is_found_in_each_of_several_conditions(tmp_path: Path) -> None:
    text = (
        b"version: 1\nrules: [{id: a, event: order.created, to: [customer.phone], text: Hi, when: [nix > 1, nox > 2]}]"
    )

    told = [problem.text for problem in advise(load(tmp_path / "r.yaml", text))]

    assert [said.rpartition(" ")[2] for said in told if "has no field" in said] == ["nix.", "nox."]


def test_a_switched_off_rule_is_left_in_peace(tmp_path: Path) -> None:
    text = b"version: 1\nrules: [{id: a, event: order.created, enabled: false, to: [nobody.knows], text: Reply STOP}]"

    assert advise(load(tmp_path / "r.yaml", text)) == []


def test_a_thousand_rules_are_loaded_and_checked_in_a_second() -> None:
    content = "version: 1\nrules:" + "".join(RULE.format(n=n) for n in range(1000))
    advise(load(Path("no-such-folder/none.yaml"), b"version: 1\nrules: []"))  # connectors and samples are read once

    began = time.process_time()
    problems = advise(load(Path("no-such-folder/many.yaml"), content.encode()))
    took = time.process_time() - began

    assert problems == []
    assert took < 1.5  # 0.6 s where nothing else runs


def test_people_whom_the_source_itself_texts_are_told_of_until_somebody_says_it_does_not(tmp_path: Path) -> None:
    text = (
        "version: 1\nrules:\n  - {id: coming, event: appointment.booked, to: [customer.phone], "
        "text: 'See you {{ starts_at|day }}.'}\n"
    )
    book = load(tmp_path / "r.yaml", text.encode())

    def said(**more: object) -> list[str]:
        source = SimpleNamespace(connector="acuity", options={}, **more)
        return [str(problem) for problem in advise(book, {"salon": source}) if "texted twice" in problem.text]

    (warning,) = said()
    assert "Acuity sends reminders of its own by text. The people of source salon may be texted twice." in warning
    assert warning.endswith("Switch it off there and write provider_texts = false in [sources.salon].")
    assert said(provider_texts=False) == []


def test_a_phone_that_comes_from_the_contacts_of_another_source_is_a_known_field(tmp_path: Path) -> None:
    text = "version: 1\nrules:\n  - {id: paid, event: 'till:invoice.paid', to: [customer.phone], text: 'Thanks.'}\n"
    book = load(tmp_path / "r.yaml", text.encode())

    source = SimpleNamespace(connector="xero", options={}, contacts={"from": "crm", "by": "customer.email"})

    assert [problem.text for problem in advise(book, {"till": source}) if problem.level == "error"] == []
