"""Singer taps: some hundred programs that read a system and print its records, run here as a source.

Facts: Singer specification 0.3.0 (hub.meltano.com/singer/spec; singer-io/getting-started), read 2026-11: one JSON
message a line, SCHEMA, RECORD and STATE (ACTIVATE_VERSION and BATCH of later SDKs), --config, --catalog and --state,
exit code 0 when all was read. A state may be used once every record before it is stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from connectors.base import AskFailed, Http, Option, Page, Unreadable
from connectors.kit import mapping, records
from connectors.kit.records import Memory, Records, RecordSource
from model.event import Event, Incoming
from model.reasons import Refused
from wire import reading
from wire.process import Program, ProgramFailed

PAGE, MAX_PAGE = 500, 8_000_000  # lines, bytes
OPTIONS = {
    "command": Option(text="The tap and its arguments, such as [/opt/taps/bin/tap-postgres].", required=True),
    "config": Option(
        text="The tap's own settings as a table (secrets as env:NAME), or the path of its file.",
        default={},
        secret=True,
    ),
    "catalog": Option(text="Path of the catalog that says what the tap reads.", default=""),
    "environment": Option(
        text="Table of the environment variables the tap gets; it gets no others but PATH and LANG.",
        default={},
        secret=True,
    ),
    "stream": Option(text="The stream whose records are told; empty: the only one there is.", default=""),
    "timeout": Option(text="How long one run may take.", default="10m"),
    **records.OPTIONS,
    "key": Option(
        text="Path of the record's id, or a list of paths; empty: the key properties the tap names.", default=""
    ),
}


class Stream:
    """The messages of one stream: which records are ours, and what names them.

    `schema` is the line that says so, for lines that are read again on their own.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.records, self.schema = Records(settings), b""
        self._settings, self._name = settings, settings["stream"]

    def record(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the record in a message, None where it is another message or of another stream."""
        kind = message.get("type")
        if kind == "BATCH":
            raise AskFailed("The tap sends BATCH messages: switch its batch_config off.", permanent=True)
        if kind not in {"SCHEMA", "RECORD"} or not self._is_ours(reading.text(message, "stream")):
            return None
        if kind == "SCHEMA":
            self._learn_keys(message)
            return None
        found = message.get("record")
        if not isinstance(found, dict):
            reading.bad_shape("A RECORD has no record.")
        return found

    def _is_ours(self, name: str) -> bool:
        self._name = self._name or name
        if name != self._name and not self._settings["stream"]:
            raise AskFailed(f"The tap has several streams, {self._name} and {name}: set stream.", permanent=True)
        return bool(name == self._name)

    def _learn_keys(self, message: dict[str, Any]) -> None:
        keys = [name for name in reading.items(message, "key_properties") if isinstance(name, str) and name]
        if keys and not self._settings["key"]:
            self.records = Records({**self._settings, "key": keys if len(keys) > 1 else keys[0]})
            line = {"type": "SCHEMA", "stream": self._name, "key_properties": keys}
            self.schema = json.dumps(line).encode() + b"\n"


class Run:
    """One run of the tap, kept open from page to page. `place` is the cursor's mark of the page it stands at."""

    def __init__(self, settings: Mapping[str, Any], state: Any, number: int) -> None:
        self.place = [number, 0]
        self._folder = TemporaryDirectory(prefix="tidings-")
        secrets = [str(one) for part in ("config", "environment") for one in _leaves(settings[part])]
        try:
            self.program = Program(
                self._command(settings, state),
                {name: str(value) for name, value in settings["environment"].items()},
                seconds=mapping.span("timeout", settings["timeout"]).total_seconds(),
                secrets=secrets,
            )
        except ProgramFailed:
            self._folder.cleanup()
            raise
        self.lines, self.stream = self.program.lines(), Stream(settings)

    def close(self) -> None:
        """End the tap; its state and settings are removed from the disk."""
        self.program.close()
        self._folder.cleanup()

    def _command(self, settings: Mapping[str, Any], state: Any) -> list[str]:
        command = [str(word) for word in settings["command"]]
        config = settings["config"]
        if config:
            command += ["--config", config if isinstance(config, str) else self._file("config.json", config)]
        if settings["catalog"]:
            command += ["--catalog", settings["catalog"]]
        return [*command, "--state", self._file("state.json", state)] if state else command

    def _file(self, name: str, value: Any) -> str:
        path = Path(self._folder.name) / name  # the folder is for our eyes only
        path.write_text(json.dumps(value), encoding="utf-8")
        return str(path)


class Singer(RecordSource):
    """Any system there is a Singer tap for."""

    name = "singer"
    title = "Singer tap"
    docs_url = "https://hub.meltano.com/singer/spec"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {
        "command": list | tuple, "config": dict | str, "environment": dict, "timeout": str | int,
    }  # fmt: skip
    setup: ClassVar[Sequence[str]] = (
        "Install the tap in an environment of its own, and set `command` to its program there.",
        "Set `config` as the tap's page says; run it with --discover, choose the stream and what it is replicated by.",
        "Set `stream`, `status` and `types`, and `poll_every`: each poll is one run of the tap.",
        "The first run is the baseline and tells nothing.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A tap that reads everything each time costs that each time: let it replicate by a time of change.",
        records.FORGOTTEN,
        "Deleted records are not told, and BATCH messages are not read.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.span("timeout", self.settings["timeout"])
        if not self.settings["command"] or not all(isinstance(word, str) for word in self.settings["command"]):
            raise ValueError("Setting command: expected the tap and its arguments, such as [/opt/taps/bin/tap-github].")
        self._run: Run | None = None

    def close(self) -> None:
        """End the tap where one is running."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read lines of a tap that were kept: what each record tells on its own."""
        stream, told = Stream(self.settings), list[Event]()
        try:
            for line in filter(bytes.strip, incoming.body.splitlines()):
                if (record := stream.record(reading.json_object(line))) is not None:
                    told += stream.records.alone(incoming, record)
        except AskFailed as failure:
            reading.bad_shape(str(failure))
        return told

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read a page of what the tap prints; a page that was not stored is read again from the stored state."""
        try:
            return self._page(self._at(cursor), cursor, Incoming(source=self.name, received_at=now))
        except ProgramFailed as failure:
            self.close()
            raise AskFailed(str(failure)) from None
        except Exception:
            self.close()
            raise

    def _at(self, cursor: Mapping[str, Any]) -> Run:
        if self._run is None or cursor.get("place") != self._run.place:
            self.close()
            self._run = Run(self.settings, cursor.get("state"), cursor.get("place", [0, 0])[0] + 1)
        return self._run

    def _page(self, run: Run, cursor: Mapping[str, Any], incoming: Incoming) -> Page:
        memory, state, knows = Memory.of(cursor), cursor.get("state"), cursor.get("knows", False)
        events, odd, size, more = list[Event](), list[Unreadable](), 0, False
        for count, line in enumerate(run.lines, 1):
            try:
                message = reading.json_object(line)
                if message.get("type") == "STATE":
                    state = message.get("value")
                events += self._news(run.stream, message, memory, incoming if knows else None)
            except Refused as refusal:
                odd.append(Unreadable(body=run.stream.schema + line, error=refusal.detail))
            size += len(line)
            if more := count >= PAGE or size > MAX_PAGE:
                break
        run.place = [run.place[0], run.place[1] + 1]
        stand = {"place": list(run.place), "state": state, "said": list(run.program.said)[-5:]}
        if not more:
            self.close()
        stand["knows"] = knows or not more
        return Page(events=events, cursor={**stand, **memory.kept()}, more=more, unreadable=odd)

    def _news(
        self, stream: Stream, message: dict[str, Any], memory: Memory, incoming: Incoming | None
    ) -> Iterator[Event]:
        """Yield what a message tells; `incoming` is None while the baseline is read."""
        record = stream.record(message)
        if record is None:
            return
        if not stream.records.identity(record):
            reading.bad_shape("A record has no key.")
        if incoming is None:
            memory.learn(stream.records, record)
        elif sight := memory.meet(stream.records, record, dated=bool(self.settings["created"])):
            yield from stream.records.told(incoming, sight)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif not isinstance(value, bool | int):
        yield value


CONNECTOR = Singer
