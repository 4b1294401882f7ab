"""docs/verifications.md does what it says: its requests are sent as they stand, its settings and rule are used."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import Client, TestResponse

from model.access import Permission
from model.verification import Refusal, Stage
from tests.web.api.caller import PHONE, Service

PAGE = (Path(__file__).parents[3] / "docs" / "verifications.md").read_text("utf-8")
WITH_VALUE = {"-X": "method", "-H": "header", "-d": "body"}


@dataclass
class Asked:
    method: str = "GET"
    url: str = ""
    body: str | None = None


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def requests(values: dict[str, str]) -> Iterator[tuple[Asked, dict[str, str]]]:
    """Yield what curl would send, as each command stands on the page when its turn comes."""
    for block in blocks("bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(re.sub(r"\$(\w+)", lambda found: values[found[1]], line))
            if words[0] == "curl":
                yield _read(iter(words[1:]))


def _read(words: Iterator[str]) -> tuple[Asked, dict[str, str]]:
    asked, headers = Asked(), dict[str, str]()
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-X":
            asked.method = next(words)
        elif word == "-d":
            asked.body = next(words)
        else:
            assert not word.startswith("-"), word
            asked.url = word
    return asked, headers


def sent(service: Service, asked: Asked, headers: dict[str, str]) -> TestResponse:
    assert urlsplit(asked.url).netloc == "texts.example"
    return Client(service.made.wsgi).open(
        urlsplit(asked.url).path, method=asked.method, data=asked.body, headers=headers,
        content_type=headers.get("Content-Type"),
    )  # fmt: skip


def page_service(folder: Path) -> Service:
    rule = "version: 1\ndefaults: {region: DE, locale: en}\nrules:\n" + blocks("yaml")[0]
    wanted: dict[str, Any] = tomllib.loads(blocks("toml")[0])["verifications"]
    settings = {**wanted, "pepper": "p" * 32, "home": [*wanted["home"], "GB"]}
    return Service(folder, rules=rule, settings={"verifications": settings})


def test_the_requests_of_the_page_sign_somebody_in(tmp_path: Path) -> None:
    service = page_service(tmp_path)
    values = {
        "TIDINGS": "https://texts.example", "KEY": service.program(Permission.SEND).secret, "ID": "",
        "READING": service.program(Permission.READ).secret,
    }  # fmt: skip
    answers = []
    for asked, headers in requests(values):
        answer = sent(service, asked, headers)
        assert answer.status_code in {200, 201}, answer.text
        answers.append(answer.get_json())
        values["ID"] = values["ID"] or answers[0]["id"]
        service.passes(seconds=31)
    service.close()

    start, check, resend, cancel, stands = answers
    shown = [json.loads(block) for block in blocks("json")]
    assert [list(one) for one in shown] == [list(start), list(check)]
    assert (shown[0]["state"], shown[1]["tries_left"]) == (start["state"], check["tries_left"])
    assert len(shown[0]["id"]) == len(start["id"])
    assert (resend["id"], cancel["state"], stands["state"]) == (start["id"], "cancelled", "cancelled")
    assert stands["number"] == "+44••••••••23"


def test_the_rule_of_the_page_sends_a_text_that_fills_itself_in(tmp_path: Path) -> None:
    service = page_service(tmp_path)
    program = service.program()

    program.post("/verifications", {"to": PHONE, "domain": "login.shop.example"})
    service.works()

    text = service.rows("select text, lane, segments, encoding from messages")[0]
    assert text["text"].splitlines()[-1] == "@login.shop.example #******"
    assert (text["segments"], text["encoding"]) == (1, "gsm7")
    service.close()


def test_every_state_and_every_refusal_stands_on_the_page() -> None:
    for stage in Stage:
        assert f"| `{stage.code}` |" in PAGE
    for refusal in Refusal:
        assert f"`{refusal.code}` |" in PAGE


def test_the_tests_that_are_named_exist() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (Path(__file__).parents[2]).rglob("test_*.py"))
    for name in re.findall(r"`((?:test_|Test)\w+)`", PAGE):
        assert f"def {name}(" in code or f"{name} =" in code
