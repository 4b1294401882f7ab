"""Singer taps: small programs that print what a tap prints are run for real."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit import cursors
from audit.store import Store
from connectors.base import AskFailed
from connectors.singer import PAGE, Singer
from inbound.polling import Polling
from inbound.sources import Source
from model.event import Incoming
from model.ids import Ids
from tests.connectors.fake_http import FakeHttp, says

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TAP = """
import json, os, pathlib, sys, time
place = pathlib.Path(__file__).parent
def say(**message): print(json.dumps(message), flush=True)
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
(place / "seen.json").write_text(json.dumps({
    "arguments": sorted(arguments), "environment": dict(os.environ),
    "state": json.loads(pathlib.Path(arguments["--state"]).read_text()) if "--state" in arguments else None,
    "config": json.loads(pathlib.Path(arguments["--config"]).read_text()) if "--config" in arguments else None,
}))
exec((place / "body.py").read_text())
"""
SCHEMA = "say(type='SCHEMA', stream='orders', schema={}, key_properties=['id'])\n"


class Tap:
    """A tap whose body is Python; polls run until there is no more, and keep the cursor as the store would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tap.py").write_text(TAP)
        self.command = [sys.executable, "-S", str(folder / "tap.py")]
        self.cursor: Any = {}
        self.pages = 0
        self.odd: list[str] = []
        self.source = self.built()

    def built(self, **settings: Any) -> Singer:
        return Singer({"command": self.command, "status": "state", "new": "order.created", **settings})

    def prints(self, body: str) -> None:
        (self.folder / "body.py").write_text(SCHEMA + body)

    def has(self, *rows: tuple[Any, str], state: Any = None) -> None:
        lines = [f"say(type='RECORD', stream='orders', record={{'id': {n!r}, 'state': {s!r}}})" for n, s in rows]
        self.prints("\n".join([*lines, f"say(type='STATE', value={state!r})"]))

    def poll(self) -> list[str]:
        told: list[str] = []
        more = True
        while more:
            page = self.source.poll(self.cursor, FakeHttp(says({})), NOW)
            told += [event.id for event in page.events]
            self.odd += [one.error for one in page.unreadable]
            self.cursor, more = json.loads(json.dumps(page.cursor)), page.more
            self.pages += 1
        return told

    @property
    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "seen.json").read_text())
        return found


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[Tap]:
    made = Tap(tmp_path)
    yield made
    made.source.close()


def test_the_first_run_tells_nothing_and_the_second_what_changed(tap: Tap) -> None:
    tap.has((1, "open"), (2, "open"), state={"mark": 2})
    assert tap.poll() == []

    tap.has((2, "open"), (1, "shipped"), (3, "open"), state={"mark": 3})

    assert tap.poll() == ["1/status/shipped", "3/new", "3/status/open"]
    assert tap.seen["state"] == {"mark": 2}
    assert tap.cursor["state"] == {"mark": 3}
    assert tap.poll() == []


def test_a_tap_sees_its_own_settings_and_nothing_of_our_environment(tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDINGS_SECRET_OF_ANOTHER", "not-a-real-secret")
    tap.source = tap.built(config={"host": "db.example"}, environment={"TAP_KEY": "not-a-real-key"})
    tap.has()

    tap.poll()

    assert tap.seen["config"] == {"host": "db.example"}
    assert tap.seen["environment"].get("TAP_KEY") == "not-a-real-key"
    assert set(tap.seen["environment"]) - {"LC_CTYPE"} == {"PATH", "LANG", "TAP_KEY"}


def test_settings_and_state_are_gone_from_the_disk_after_a_run(tap: Tap) -> None:
    tap.prints("(place / 'where').write_text(arguments['--config'])\n")
    tap.source = tap.built(config={"password": "not-a-real-password"})

    tap.poll()

    assert not Path((tap.folder / "where").read_text()).exists()


def test_a_long_run_comes_in_pages_of_one_process(tap: Tap) -> None:
    tap.has(*[(n, "open") for n in range(PAGE + 100)], state={"mark": 1})
    tap.poll()
    tap.has(*[(n, "paid") for n in range(PAGE + 100)], state={"mark": 2})

    assert len(tap.poll()) == PAGE + 100
    assert tap.pages == 4


def test_a_page_that_was_not_stored_is_read_again(tap: Tap) -> None:
    tap.has((0, "open"), state={"mark": 0})
    tap.poll()
    tap.has(*[(n, "open") for n in range(PAGE + 100)], state={"mark": 1})

    lost = tap.source.poll(tap.cursor, FakeHttp(says({})), NOW)

    assert lost.more
    assert len(tap.poll()) == 2 * (PAGE + 99)
    assert tap.seen["state"] == {"mark": 0}


def test_a_tap_that_fails_is_named_with_its_last_words_and_keeps_the_state(tap: Tap) -> None:
    tap.has((1, "open"), state={"mark": 1})
    tap.poll()
    before = dict(tap.cursor)
    tap.source = tap.built(environment={"KEY": "not-a-real-key"})
    tap.prints(
        "say(type='RECORD', stream='orders', record={'id': 1, 'state': 'paid'})\nsay(type='STATE', value={'mark': 9})\n"
        "sys.exit('cannot reach pg://me:pw@db with not-a-real-key for +49 171 3920011, zoe@shop.example')"
    )

    with pytest.raises(AskFailed, match=r"ended with code 1: cannot reach") as failed:
        tap.poll()

    assert tap.cursor == before
    said = str(failed.value)
    assert not any(word in said for word in ("pw", "not-a-real-key", "3920011", "zoe"))
    assert "***11" in said


def test_a_tap_that_hangs_is_ended_with_what_it_started(tap: Tap) -> None:
    tap.source = tap.built(timeout="1")
    tap.prints(
        "import subprocess\nchild = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "(place / 'child').write_text(str(child.pid))\ntime.sleep(60)"
    )

    with pytest.raises(AskFailed, match="took too long and was ended"):
        tap.poll()

    status = Path(f"/proc/{(tap.folder / 'child').read_text()}/status")
    assert not status.exists() or "State:\tZ" in status.read_text()


def test_a_line_without_end_does_not_fill_the_memory(tap: Tap) -> None:
    tap.prints("\nwhile True: sys.stdout.write('x' * 65536)")

    with pytest.raises(AskFailed, match="printed a line of more than 1,000,000 bytes"):
        tap.poll()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("say(type='BATCH', stream='orders')", "switch its batch_config off"),
        ("say(type='SCHEMA', stream='people', key_properties=['id'])", "several streams, orders and people"),
    ],
)
def test_what_cannot_be_followed_is_said(tap: Tap, body: str, sentence: str) -> None:
    tap.prints(body)

    with pytest.raises(AskFailed, match=sentence):
        tap.poll()


def test_a_program_that_is_not_there_is_named() -> None:
    source = Singer({"command": ["/opt/taps/tap-nothing"], "status": "state"})

    with pytest.raises(AskFailed, match=r"^tap-nothing cannot be started: No such file or directory\.$"):
        source.poll({}, FakeHttp(says({})), NOW)


@pytest.mark.parametrize("command", ["tap-x", [], [1]])
def test_a_command_is_a_list_of_words(command: Any) -> None:
    with pytest.raises(ValueError, match=r"^Setting command: expected"):
        Singer({"command": command, "status": "state"})


def test_the_state_is_stored_with_the_page_and_odd_lines_are_kept_for_a_person(
    tap: Tap, tmp_path: Path, ids: Callable[[str], str]
) -> None:
    tap.prints("print('WARNING: a tap that logs to the wrong place')\nsay(type='RECORD', stream='orders', record={})")
    store = Store(tmp_path / "tidings.db")
    polling = Polling(store=store, new_id=ids, on_accepted=lambda: None)
    source = Source(name="shop", connector=tap.source)

    polling.poll(source, NOW)
    tap.has((1, "open"), (2, "open"), state={"mark": 5})
    fresh = polling.poll(source, NOW)

    with store.read() as tx:
        odd = tx.execute("select error, body from events join bodies on bodies.id = body_id where state = 'unreadable'")
        kept = {row["error"]: row["body"] for row in odd.fetchall()}
        assert cursors.get(tx, "shop")["state"] == {"mark": 5}
    assert fresh == 4
    assert set(kept) == {"The body is not JSON: JSONDecodeError.", "A record has no key."}
    mended = kept["A record has no key."].replace(b'"record": {}', b'"record": {"id": 8, "state": "open"}')
    again = tap.built().parse(Incoming(source="shop", body=mended, received_at=NOW))
    assert [event.id for event in again] == ["8/new", "8/status/open"]
    store.close()


@pytest.fixture
def ids() -> Callable[[str], str]:
    return Ids(lambda: NOW, node=1)
