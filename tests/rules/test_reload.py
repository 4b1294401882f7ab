"""Rules change while the service runs: no webhook waits for it, and nobody ever sees half of a change."""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

import app
from audit import versions
from dispatch.publish import held, load_version, publish
from model.reasons import ConfigError
from rules.files import MAX_FILES, files_of, included
from rules.load import load
from settings import Settings
from tests.fakes.service import RULES, Service, running, tick, until
from tests.fakes.stores import open_store
from tests.scale import runs

MANY = runs(2_000, 10_000)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RULE = """\
  - id: rule-{n}
    event: custom.kind{n}
    when: [total > {n}, "status in ['paid', 'open']"]
    to: [phone]
    text: {{en: "Order {{{{ number }}}} ({n}) for {{{{ total|money(currency) }}}} is confirmed."}}
"""
HELLO = "version: 1\nrules: [{id: hello, event: order.created, to: phone, template: hello}]\n"
NAME = "{id: NAME, event: order.created, to: phone, text: Hi}"


def actors(service: Service) -> list[str]:
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True, timeout=10)) as connection:
        return [row[0] for row in connection.execute("select actor from rule_versions order by id")]


class Caller(threading.Thread):
    """A sender that posts one webhook after the other and keeps how long each took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port, self.done = port, threading.Event()
        self.answers: list[tuple[int, float]] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.done.is_set():
            body, headers = tick(len(self.answers))
            began = time.monotonic()
            connection.request("POST", "/hooks/ticks", body, headers)
            answer = connection.getresponse()
            answer.read()
            self.answers.append((answer.status, time.monotonic() - began))
            self.done.wait(0.02)
        connection.close()


def test_thousands_of_rules_come_in_force_while_every_webhook_is_answered_at_once(tmp_path: Path) -> None:
    many = RULES + "".join(RULE.format(n=n) for n in range(MANY))
    with running(Service(tmp_path)) as service:
        caller = Caller(service.port)
        caller.start()
        until(lambda: len(caller.answers) > 5, lambda: "no webhook was answered")

        began = time.monotonic()
        _replace(service.rules_path, many)
        until(lambda: len(actors(service)) == 2, lambda: f"not in force:\n{service.log[-2000:]}", 30)
        took = time.monotonic() - began
        caller.done.set()
        caller.join(10)

    assert {status for status, _ in caller.answers} == {200}
    # Whoever loads the rules shares the interpreter with the door: it must never keep it for the whole of the loading.
    assert max(seconds for _, seconds in caller.answers) < max(1.0, took / 3)
    assert took < 10.0


def test_a_hangup_signal_loads_the_rules_again_and_replaces_no_process(tmp_path: Path) -> None:
    with running(Service(tmp_path)) as service:
        before, process = service.pids(), service.process
        assert process is not None
        stamp = service.rules_path.stat()
        service.rules_path.write_text(RULES + "# changed\n", "utf-8")
        os.utime(service.rules_path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # the watch sees no change

        process.send_signal(signal.SIGHUP)
        until(lambda: len(actors(service)) == 2, lambda: f"not in force:\n{service.log[-2000:]}")

        assert actors(service) == ["start", "SIGHUP"]
        assert service.pids() == before
        assert service.post("ticks", *tick(1))[0] == 200
        assert service.term() < 10


def _replace(path: Path, content: str) -> None:
    other = path.with_name("next.tmp")
    other.write_text(content, "utf-8")
    other.replace(path)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[app.Tidings]:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/hello.en.txt").write_text("Hello")
    (tmp_path / "templates/hello.de.txt").write_text("Hallo")
    (tmp_path / "rules.yaml").write_text(HELLO)
    settings = Settings(database=f"sqlite:///{tmp_path}/t.db", rules=str(tmp_path / "rules.yaml"))
    made = app.build(settings, lambda: NOW)
    yield made
    made.stop()


def texts(service: app.Tidings) -> list[str]:
    return [text.source for rule in service.worker.book.rules for text in rule.steps[0].texts[""].values()]


def test_a_publication_of_several_files_is_seen_in_one_step(service: app.Tidings) -> None:
    """The watch looks a hundred times while one version after the other is laid out; it only ever sees whole ones."""
    folder = service.rules.path.parent
    done, seen = threading.Event(), set[tuple[str, ...]]()

    def watch() -> None:
        while not done.is_set():
            service.rules.reload()
            seen.add(tuple(sorted(texts(service))))

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(20):
        files = {
            "rules.yaml": HELLO,
            "templates/hello.de.txt": f"Hallo {number}",
            "templates/hello.en.txt": f"Hello {number}",
        }
        publish(
            service.store, service.worker.book, files, folder / "rules.yaml",
            actor="mara", note="", pending="keep", now=NOW,
        )  # fmt: skip
    done.set()
    thread.join(10)

    assert seen <= {("Hallo", "Hello"), *((f"Hallo {n}", f"Hello {n}") for n in range(20))}
    with service.store.read() as tx:
        assert {version.actor for version in versions.newest(tx, 100)} == {"start", "mara"}


def test_a_reload_waits_until_a_publication_is_done(service: app.Tidings) -> None:
    reloaded = threading.Event()

    def reload() -> None:
        service.rules.reload()
        reloaded.set()

    thread = threading.Thread(target=reload)

    with held(service.rules.path.parent, to_write=True):
        (service.rules.path.parent / "templates/hello.en.txt").write_text("Half of it")
        thread.start()
        assert not reloaded.wait(0.1)
        (service.rules.path.parent / "templates/hello.en.txt").write_text("All of it")
    thread.join(10)

    assert texts(service) == ["Hallo", "All of it"]


def test_rules_whose_tests_do_not_hold_do_not_come_in_force(service: app.Tidings) -> None:
    wrong = NAME.replace("NAME", "late").replace("text: Hi", "text: Hi, tests: [{name: wrong, expect: {send: 1}}]")
    service.rules.path.write_text(f"version: 1\nrules: [{wrong}]\n")

    assert service.rules.reload() is False
    assert [rule.id for rule in service.worker.book.rules] == ["hello"]
    assert "The test 'wrong' of late does not hold: send: expected 1, found 0" in service.rules.notices[0]


def test_a_version_holds_what_it_includes_from_folders_below(tmp_path: Path) -> None:
    (tmp_path / "shop/deep").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    path = tmp_path / "rules.yaml"
    path.write_text(f"version: 1\ninclude:\n  - shop/*.yaml\nrules: [{NAME.replace('NAME', 'a')}]\n")
    (tmp_path / "shop/b.yaml").write_text(
        f"version: 1\nrules: [{NAME.replace('NAME', 'b')}]\ninclude: [shop/deep/c.yaml]\n"
    )
    (tmp_path / "shop/deep/c.yaml").write_text("{version: 1, include: rules.yaml, rules: []}")
    (tmp_path / "data/other.yaml").write_text("nobody: includes this\n")

    files = files_of(path)

    assert list(files) == ["rules.yaml", "shop/b.yaml", "shop/deep/c.yaml"]
    assert load_version(files).hash == load(path).hash


def test_a_rollback_sets_aside_what_would_be_included_and_is_not_of_that_version(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    path = tmp_path / "rules.yaml"
    path.write_text(f"version: 1\ninclude: shop/*.yaml\nrules: [{NAME.replace('NAME', 'a')}]\n")
    (tmp_path / "shop/old.yaml").write_text(f"version: 1\nrules: [{NAME.replace('NAME', 'old')}]\n")
    before, old = files_of(path), load(path)
    (tmp_path / "shop/new.yaml").write_text(f"version: 1\nrules: [{NAME.replace('NAME', 'new')}]\n")
    store = open_store(tmp_path / "t.db")

    publish(store, load(path), before, path, actor="mara", note="", pending="keep", now=NOW)
    store.close()

    assert load(path).hash == old.hash
    assert [file.name for file in included(path)] == ["old.yaml"]
    assert (tmp_path / "shop/new.yaml.aside").exists()


def test_of_as_many_files_as_may_be_included_the_last_one_is_watched_too(tmp_path: Path) -> None:
    (tmp_path / "shops").mkdir()
    path = tmp_path / "rules.yaml"
    path.write_text("version: 1\ninclude: shops/*.yaml\nrules: []\n")
    for number in range(MAX_FILES - 1):
        (tmp_path / f"shops/{number:03}.yaml").write_text("version: 1\nrules: []\n")
    (tmp_path / "shops/000.yaml").write_text("version: 1\ninclude: last.yml\nrules: []\n")
    (tmp_path / "last.yml").write_text("version: 1\nrules: []\n")

    assert [file.name for file in included(path)][-1] == "last.yml"
    assert load(path).rules == ()

    (tmp_path / "last.yml").write_text("version: 1\ninclude: more.yml\nrules: []\n")
    (tmp_path / "more.yml").write_text("version: 1\nrules: []\n")
    with pytest.raises(ConfigError, match=f"^rules.yaml:2:10: More than {MAX_FILES} files.$"):
        load(path)
