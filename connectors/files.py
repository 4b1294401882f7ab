"""Files dropped in a folder, on this machine or by SFTP: CSV, or JSON as a list or as lines.

Facts: RFC 4180, jsonlines.org, and how spreadsheets write CSV (a byte order mark, semicolons, a line sep=;), read
2026-11. SFTP is spoken by paramiko (docs.paramiko.org): it works in our threads, asyncssh would need a loop of its own.
Long because of three forms of files, two ways to reach them, and files that are still being written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from itertools import islice
from typing import Any, ClassVar

from connectors.base import Http, Option, Page, Unreadable
from connectors.kit import folders, mapping, records
from connectors.kit.folders import Folder
from connectors.kit.records import Memory, RecordSource
from connectors.kit.scan import Sight
from model.event import Event, Incoming
from model.reasons import Refused
from wire import reading

MAX_FILE, PAGE, HASHES = 50_000_000, 1000, 2000
DELIMITERS = ",;\t|"
OLD = "old"
OPTIONS = {
    "folder": Option(
        text="Path of the folder, or sftp://user@host/path (needs the extra `sftp` and host_key).", required=True
    ),
    "pattern": Option(text="Which files are read, such as orders-*.csv.", default="*"),
    "content": Option(
        text="What a file holds: changes (each row is news), or everything (the whole list each time).",
        default="changes",
    ),
    "settled": Option(
        text="When a file is whole: twice (the same at two polls), or rename (its writer renames it when it is done).",
        default="twice",
    ),
    "move_to": Option(text="Folder to which files go once they are read; empty: they stay.", default=""),
    "encoding": Option(text="Encoding of texts, such as cp1252 or utf-16.", default="utf-8-sig"),
    "delimiter": Option(text="CSV: what stands between cells; empty: found in the first line.", default=""),
    "columns": Option(text="CSV: names of the columns, where the first line does not hold them.", default=()),
    "records": Option(text="JSON: path of the list; empty: the file is the list.", default=""),
    "password": Option(text="SFTP: the user's password, or that of its key.", default="", secret=True),
    "key_file": Option(text="SFTP: path of the user's private key.", default=""),
    "host_key": Option(text="SFTP: the server's public key as ssh-keyscan prints it: ssh-ed25519 AAAA...", default=""),
    **records.OPTIONS,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a file: a record, or what stands there with the sentence why it is none."""

    number: int
    record: dict[str, Any] | None = None
    text: str = ""
    error: str = ""


class Files(RecordSource):
    """Exports of systems that can do nothing else."""

    name = "files"
    title = "Files in a folder"
    docs_url = "https://www.rfc-editor.org/rfc/rfc4180"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {"columns": list | tuple}
    setup: ClassVar[Sequence[str]] = (
        "Let the other system write into a folder of its own, best under a .tmp name that it changes when it is done.",
        "Set `folder`, `pattern`, `key`, and `new` or `status` with `types`, and `poll_every`.",
        "Say with `content` whether a file holds what is new or the whole list, and with `move_to` where it goes.",
        "What is there at the first poll (with everything: the first whole list) is the baseline and tells nothing.",
    )  # fmt: skip
    limits: ClassVar[Sequence[str]] = (
        "A file of the same content is read once, also under another name; a file of more than 50 MB is not read.",
        "A row that cannot be read is kept with its number for a person; the others of its file are told.",
        "A file without a line that says .tmp or .part counts as whole once two polls found it the same.",
        "Phones that a spreadsheet turned into 4.47E+11 or lost their leading + or 0 in cannot be mended here.",
        records.FORGOTTEN,
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        given = self.settings
        mapping.choice(given, "content", ("changes", "everything"))
        mapping.choice(given, "settled", ("twice", "rename"))
        if given["delimiter"] and len(given["delimiter"]) != 1:
            raise ValueError("Setting delimiter: expected one character, such as ;")
        try:
            b"x".decode(given["encoding"], "replace")
        except LookupError:
            raise ValueError(f"Setting encoding: {given['encoding']!r} is not known.") from None
        if given["folder"].startswith("sftp://"):
            if find_spec("paramiko") is None:
                raise ValueError("Setting folder: SFTP needs a library: pip install 'tidings[sftp]'.")
            if not given["host_key"]:
                raise ValueError("Setting host_key: it is missing, so anybody could pose as the server.")
        self._rows: tuple[str, int, Iterator[Row]] = ("", 0, iter(()))

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read a row that was kept, or records: what each tells on its own."""
        body = reading.json_body(incoming.body)
        if isinstance(body, dict) and {"file", "row"} <= body.keys():
            return self.records.alone(incoming, body.get("record"))
        return super().parse(incoming)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read on in the file at hand, or take up the next that is whole; what was read is moved after it is stored."""
        given = self.settings
        with folders.opened(
            given["folder"], password=given["password"], key_file=given["key_file"], host_key=given["host_key"]
        ) as folder:
            files = self._looked(folder, cursor, now.isoformat())
            is_whole = given["settled"] == "rename"
            whole = (name for name, known in files.items() if not known[2] and (is_whole or known[3] < now.isoformat()))
            ready = next(whole, "")
            stand = {**cursor, "files": files, "hashes": list(cursor.get("hashes", ()))}
            if not ready:
                if given["content"] == "changes" or stand.get("seen"):
                    stand["knows"] = given["content"]
                return Page(events=(), cursor=stand)
            return self._read(folder, ready, stand, Incoming(source=self.name, received_at=now))

    def _looked(self, folder: Folder, cursor: Mapping[str, Any], now: str) -> dict[str, list[Any]]:
        """Return each file of the folder: size, time of change, digest once it was read, and since when it is so."""
        known, found = cursor.get("files", {}), {}
        for entry in folders.wanted(folder.entries(), self.settings["pattern"]):
            before = known.get(entry.name, [None, None, "", now])
            is_same = before[:2] == [entry.size, entry.changed]
            if is_same and before[2] not in {"", OLD} and self.settings["move_to"]:
                folder.move(entry.name, self.settings["move_to"])
                continue
            is_old = not cursor and self.settings["content"] == "changes"
            digest = OLD if is_old else before[2] if is_same else ""
            found[entry.name] = [entry.size, entry.changed, digest, before[3] if is_same else now]
        return found

    def _read(self, folder: Folder, name: str, stand: dict[str, Any], incoming: Incoming) -> Page:
        at = stand.get("at", ["", 0])
        digest, start, rows = self._rows
        if at != [digest, start] or not digest:
            data = folder.read(name, MAX_FILE + 1)
            digest = hashlib.sha256(data).hexdigest()[:32]
            rows = iter(()) if digest in stand["hashes"] else read_rows(name, data, self.settings)
            start = at[1] if at[0] == digest else 0
            rows = islice(rows, start, None)
        batch = list(islice(rows, PAGE))
        self._rows = (digest, start + len(batch), rows)
        memory, events, odd = Memory.of(stand), list[Event](), list[Unreadable]()
        for row in batch:
            try:
                events += self._news(row, memory, incoming, knows=stand.get("knows") == self.settings["content"])
            except Refused as refusal:
                odd.append(_odd(name, row, refusal.detail))
        if len(batch) < PAGE:
            stand["files"][name][2] = digest
            stand["hashes"] = [*(one for one in stand["hashes"] if one != digest), digest][-HASHES:]
        stand |= {"at": [digest, start + len(batch)] if len(batch) == PAGE else ["", 0], **memory.kept()}
        return Page(events=events, cursor=stand, more=True, unreadable=odd)

    def _news(self, row: Row, memory: Memory, incoming: Incoming, *, knows: bool) -> list[Event]:
        if row.record is None:
            reading.bad_shape(row.error)
        if not self.records.identity(row.record):
            reading.bad_shape("It has no key.")
        if self.settings["content"] == "changes":
            return list(self.records.told(incoming, Sight(record=row.record, before=None, is_new=True)))
        if not knows:
            memory.learn(self.records, row.record)
            return []
        sight = memory.meet(self.records, row.record, dated=bool(self.settings["created"]))
        return list(self.records.told(incoming, sight)) if sight else []


def read_rows(name: str, data: bytes, settings: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of a file by its ending; a row that is none says why."""
    ending = name.lower().rpartition(".")[2]
    if len(data) > MAX_FILE:
        yield Row(number=0, error=f"The file has more than {MAX_FILE // 1_000_000} MB.")
        return
    text = data.decode(settings["encoding"], "replace").removeprefix("\ufeff")
    if ending in {"jsonl", "ndjson"}:
        yield from (_json_row(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    elif ending == "json":
        yield from _listed(text, settings["records"])
    else:
        yield from _csv_rows(text, settings)


def _json_row(number: int, line: str) -> Row:
    try:
        return Row(number=number, record=reading.json_object(line.encode("utf-8", "replace")))
    except Refused as refusal:
        return Row(number=number, text=line, error=refusal.detail)


def _listed(text: str, path: str) -> Iterator[Row]:
    try:
        body = reading.json_body(text.encode("utf-8", "replace"))
    except Refused as refusal:
        yield Row(number=0, error=refusal.detail)
        return
    found = reading.dig(body, path) if path else body
    if not isinstance(found, list):
        yield Row(number=0, error=f"It has no list at {path or 'its top'}.")
        return
    for number, one in enumerate(found, 1):
        is_record = isinstance(one, dict)
        yield Row(number=number, record=one) if is_record else Row(number=number, error="It is no object.")


def _csv_rows(text: str, settings: Mapping[str, Any]) -> Iterator[Row]:
    first, _, rest = text.partition("\n")
    delimiter = settings["delimiter"]
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        delimiter, text, first = delimiter or first[4], rest, rest.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or max(DELIMITERS, key=first.count))
    names = [str(one) for one in settings["columns"]]
    for cells, error in _cells(reader):
        if not names and not error:
            names = [cell.strip() for cell in cells]
            if len(set(names)) != len(names):
                yield Row(number=1, error="Two columns have the same name.")
                return
        elif error or any(cells):
            yield _csv_row(reader.line_num, names, cells, error)


def _cells(reader: Any) -> Iterator[tuple[list[str], str]]:
    """Yield each line of cells; a line that breaks the format says so and does not end the file."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield [], f"It is not CSV: {error}."
        else:
            yield cells, ""


def _csv_row(number: int, names: list[str], cells: list[str], error: str) -> Row:
    if len(cells) != len(names) and not error:
        error = f"It has {len(cells)} cells and the first line has {len(names)}."
    if any("\ufffd" in cell for cell in cells):
        error = "It is not in the encoding of the settings."
    if error:
        return Row(number=number, text=json.dumps(cells, ensure_ascii=False), error=error)
    return Row(number=number, record=dict(zip(names, (cell.strip() for cell in cells), strict=True)))


def _odd(name: str, row: Row, error: str) -> Unreadable:
    kept = {"file": name, "row": row.number, **({"record": row.record} if row.record else {"text": row.text})}
    where = f"Row {row.number} of {name}" if row.number else name
    return Unreadable(body=json.dumps(kept).encode(), error=f"{where}: {error}")


CONNECTOR = Files
