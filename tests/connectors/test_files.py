"""Files dropped in a folder: when they are read, what their rows tell, and an SFTP server of our own."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import AskFailed
from connectors.files import PAGE, Files
from model.event import Event, Incoming
from tests.connectors.fake_http import FakeHttp, says

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = {"folder": "drop", "key": "number", "new": "order.created", "settled": "rename"}


class Drop:
    """A folder and the source that reads it; each poll is by a source made anew, as after a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.cursor: Any = {}
        self.now = NOW
        self.settings: dict[str, Any] = {**PLAIN, "folder": str(folder)}
        self.odd: list[tuple[str, bytes]] = []

    def has(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def events(self) -> list[Event]:
        told: list[Event] = []
        more = True
        self.now += timedelta(minutes=1)
        while more:
            page = Files(self.settings).poll(self.cursor, FakeHttp(says({})), self.now)
            told += page.events
            self.odd += [(one.error, one.body) for one in page.unreadable]
            self.cursor, more = json.loads(json.dumps(page.cursor)), page.more
        return told

    def poll(self) -> list[str]:
        return [event.id for event in self.events()]


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    made = Drop(tmp_path / "drop")
    assert made.poll() == []  # the baseline
    return made


@pytest.mark.parametrize(
    ("name", "content", "settings"),
    [
        ("a.csv", "number,phone\nA1,+44 7700 900123\nA2,\n", {}),
        ("a.txt", "number;phone\r\nA1;+44 7700 900123\r\n\r\nA2;\r\n", {}),
        ("a.csv", "\ufeffsep=|\nnumber|phone\nA1|+44 7700 900123\nA2|\n", {}),
        ("a.csv", "number\tphone\nA1\t+44 7700 900123\nA2\t\n".encode("utf-16"), {"encoding": "utf-16"}),
        ("a.csv", 'A1:"+44 7700 900123"\nA2:\n', {"columns": ["number", "phone"], "delimiter": ":"}),
        ("A.JSON", '[{"number": "A1", "phone": "+44 7700 900123"}, {"number": "A2", "phone": ""}]', {}),
        ("a.json", '{"r": [{"number": "A1", "phone": "+44 7700 900123"}, {"number": "A2"}]}', {"records": "r"}),
        ("a.jsonl", '{"number": "A1", "phone": "+44 7700 900123"}\n\n{"number": "A2"}\n', {}),
    ],
)
def test_each_row_of_a_file_is_told_once(drop: Drop, name: str, content: str | bytes, settings: dict[str, Any]) -> None:
    drop.settings |= settings
    drop.has(name, content)

    told = drop.events()

    assert [event.id for event in told] == ["A1/new", "A2/new"]
    assert told[0].data["phone"] == "+44 7700 900123"
    assert drop.poll() == []


def test_files_of_the_first_look_are_not_told_but_what_becomes_of_them_is(tmp_path: Path) -> None:
    drop = Drop(tmp_path / "drop")
    drop.settings["move_to"] = "done"
    drop.has("orders.csv", "number\nA1\n")
    assert drop.poll() == []
    assert drop.poll() == []
    assert (drop.folder / "orders.csv").exists()

    drop.has("orders.csv", "number\nA1\nA2\n")

    assert drop.poll() == ["A1/new", "A2/new"]


def test_a_file_that_is_still_being_written_is_not_read(drop: Drop) -> None:
    drop.settings["settled"] = "twice"
    drop.has("orders.csv", "number\nA1\nA")
    drop.has("more.csv.tmp", "number\nB1\n")
    drop.has(".hidden.csv", "number\nB2\n")
    assert drop.poll() == []

    drop.has("orders.csv", "number\nA1\nA2\n")
    assert drop.poll() == []
    (drop.folder / "more.csv.tmp").rename(drop.folder / "more.csv")

    assert drop.poll() == ["A1/new", "A2/new"]
    assert drop.poll() == ["B1/new"]


def test_the_same_content_under_another_name_is_read_once(drop: Drop) -> None:
    drop.has("orders.csv", "number\nA1\n")
    assert drop.poll() == ["A1/new"]

    drop.has("orders (1).csv", "number\nA1\n")
    os.utime(drop.folder / "orders.csv", (1, 1))

    assert drop.poll() == []


def test_a_file_is_moved_once_its_rows_are_stored(drop: Drop) -> None:
    drop.settings["move_to"] = "done"
    drop.has("orders.csv", "number\nA1\n")

    page = Files(drop.settings).poll(drop.cursor, FakeHttp(says({})), NOW)

    assert len(page.events) == 1
    assert (drop.folder / "orders.csv").exists()
    assert drop.poll() == ["A1/new"]  # the page above was not stored
    assert sorted(file.name for file in drop.folder.iterdir()) == ["done"]
    assert (drop.folder / "done" / "orders.csv").read_text() == "number\nA1\n"


def test_a_row_that_cannot_be_read_is_kept_with_its_number_and_costs_no_other(drop: Drop) -> None:
    drop.has("a.csv", b'number,name\nA1,Zo\xc3\xab\nA2\nA3,Zo\xeb\n,nobody\n"A4","two\nlines"\nA5,b\n')
    drop.has("b.jsonl", '{"number": "B1"}\n{"number": \n[1]\n')
    drop.has("c.json", "{}")
    drop.has("d.csv", "number,number\nD1,D2\n")
    drop.has("e.json", '[{"number": 1}, 2]')

    assert drop.poll() == ["A1/new", "A4/new", "A5/new", "B1/new", "1/new"]
    assert [error for error, _ in drop.odd] == [
        "Row 3 of a.csv: It has 1 cells and the first line has 2.",
        "Row 4 of a.csv: It is not in the encoding of the settings.",
        "Row 5 of a.csv: It has no key.",
        "Row 2 of b.jsonl: The body is not JSON: JSONDecodeError.",
        "Row 3 of b.jsonl: Expected a JSON object, found a list.",
        "c.json: It has no list at its top.",
        "Row 1 of d.csv: Two columns have the same name.",
        "Row 2 of e.json: It is no object.",
    ]
    mended = drop.odd[2][1].replace(b'"number": ""', b'"number": "A9"')
    kept = Incoming(source="drop", body=mended, received_at=NOW)
    assert [event.id for event in Files(drop.settings).parse(kept)] == ["A9/new"]


def test_a_long_file_is_read_in_pages_across_a_restart(drop: Drop) -> None:
    drop.has("orders.csv", "number\n" + "".join(f"A{n}\n" for n in range(2 * PAGE + 5)))

    told = drop.poll()

    assert (len(told), len(set(told))) == (2 * PAGE + 5, 2 * PAGE + 5)


def test_of_whole_lists_the_first_is_the_baseline_and_changes_are_told(tmp_path: Path) -> None:
    drop = Drop(tmp_path / "drop")
    drop.settings |= {"content": "everything", "status": "state", "types": {"sent": "order.fulfilled"}}
    drop.has("monday.csv", "number,state\nA1,open\nA2,open\n")
    assert drop.poll() == []

    drop.has("tuesday.csv", "number,state\nA1,sent\nA2,open\nA3,open\n")

    assert drop.poll() == ["A1/status/sent", "A3/new", "A3/status/open"]


def test_a_source_that_is_set_to_whole_lists_later_begins_with_a_baseline(drop: Drop) -> None:
    drop.has("monday.csv", "number,state\nA1,open\n")
    assert drop.poll() == ["A1/new"]

    drop.settings["content"] = "everything"
    assert drop.poll() == []
    drop.has("tuesday.csv", "number,state\nA1,open\nA2,open\n")
    assert drop.poll() == []
    drop.has("wednesday.csv", "number,state\nA1,open\nA2,open\nA3,open\n")

    assert drop.poll() == ["A3/new"]


def test_a_link_out_of_the_folder_is_not_followed(drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("number\nA1\n")
    (drop.folder / "link.csv").symlink_to(tmp_path / "secret.csv")

    assert drop.poll() == []


def test_a_folder_that_is_not_there_is_said() -> None:
    with pytest.raises(AskFailed, match=r"^nowhere cannot be read: No such file or directory\.$"):
        Files({**PLAIN, "folder": "/nowhere"}).poll({}, FakeHttp(says({})), NOW)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"content": "all"}, "content: 'all' is not one of changes, everything"),
        ({"settled": "soon"}, "settled: 'soon' is not one of twice, rename"),
        ({"delimiter": ";;"}, "delimiter: expected one character"),
        ({"encoding": "klingon"}, "encoding: 'klingon' is not known"),
        ({"encoding": "base64"}, "encoding: 'base64' is not known"),
        ({"folder": "sftp://u@h/x"}, "host_key: it is missing"),
    ],
)
def test_a_bad_setting_is_named_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {re.escape(sentence)}"):
        Files({**PLAIN, **settings})


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[tuple[int, str, Path]]:
    """A server that lets the user in with a password: its port, its public key and the folder it shows."""
    paramiko = pytest.importorskip("paramiko", reason="install the extra: pip install -e .[sftp]")
    from tests.fakes.sftp import handlers

    key = paramiko.Ed25519Key.from_private_key(PRIVATE_KEY())
    root = tmp_path / "remote"
    (root / "out" / "done").mkdir(parents=True)
    listener = socket.create_server(("127.0.0.1", 0))
    running = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transport.add_server_key(key)
                door, files = handlers(root)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
                running.append(transport)
                transport.start_server(event=threading.Event(), server=door)  # a client may hang up

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], f"{key.get_name()} {key.get_base64()}", root / "out"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for transport in running:
        transport.close()
    thread.join(5)


def PRIVATE_KEY() -> Any:  # noqa: N802 - reads as the key it makes
    import io

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    return io.StringIO(made.decode())


def test_files_are_read_and_moved_by_sftp(sftp: tuple[int, str, Path], tmp_path: Path) -> None:
    port, host_key, folder = sftp
    drop = Drop(tmp_path / "unused")
    drop.settings |= {
        "folder": f"sftp://shop@127.0.0.1:{port}/out", "password": "not-a-real-password", "host_key": host_key,
        "move_to": "done",
    }  # fmt: skip
    assert drop.poll() == []

    (folder / "orders.csv").write_text("number\nA1\n")

    assert drop.poll() == ["A1/new"]
    assert [file.name for file in (folder / "done").iterdir()] == ["orders.csv"]


@pytest.mark.parametrize("wrong", ["password", "host_key"])
def test_a_wrong_password_or_another_server_is_said(sftp: tuple[int, str, Path], wrong: str) -> None:
    port, host_key, _ = sftp
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    settings = {
        **PLAIN, "folder": f"sftp://shop@127.0.0.1:{port}/out",
        "password": "wrong" if wrong == "password" else "not-a-real-password",
        "host_key": other if wrong == "host_key" else host_key,
    }  # fmt: skip

    with pytest.raises(AskFailed, match=r"^SFTP: "):
        Files(settings).poll({}, FakeHttp(says({})), NOW)
