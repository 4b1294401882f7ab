"""A small client of the Language Server Protocol over stdio: it asks a YAML language server what an editor asks."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 30.0


class LanguageServer:
    """One server and the files opened in it; `with` starts and ends it."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._arrived: queue.Queue[dict[str, Any]] = queue.Queue()
        self._settings: dict[str, Any] = {}
        self._number = 0
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def begin(self, folder: Path, settings: dict[str, Any]) -> None:
        """Greet the server as an editor does."""
        self._settings = settings
        abilities = {
            "textDocument": {"hover": {"contentFormat": ["markdown"]}, "publishDiagnostics": {}},
            "workspace": {"configuration": True},
        }
        self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": abilities})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": settings})

    def open(self, path: Path, text: str) -> list[dict[str, Any]]:
        """Open a file with this text; return what the server finds wrong with it."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        found: list[dict[str, Any]] = self._wait(
            lambda said: (
                said.get("method") == "textDocument/publishDiagnostics" and said["params"]["uri"] == path.as_uri()
            )
        )["params"]["diagnostics"]
        return found

    def at(self, path: Path, line: int, column: int) -> dict[str, Any]:
        """Name a place in a file, counted from 0."""
        return {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result."""
        self._number += 1
        number = self._number
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = self._wait(lambda said: said.get("id") == number and "method" not in said)
        if "error" in answer:
            raise RuntimeError(str(answer["error"]))
        return answer["result"]

    def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _wait(self, wanted: Any) -> dict[str, Any]:
        while True:
            said = self._arrived.get(timeout=PATIENCE)
            if "method" in said and "id" in said:
                self._answer(said)
            elif wanted(said):
                return said

    def _answer(self, asked: dict[str, Any]) -> None:
        """The server asks for its settings, section by section; everything else gets an empty answer."""
        result: Any = None
        if asked["method"] == "workspace/configuration":
            result = [self._settings.get(item.get("section", ""), {}) for item in asked["params"]["items"]]
        self._send({"jsonrpc": "2.0", "id": asked["id"], "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.strip().lower() == b"content-length" else length
                header = stream.readline()
            if length:
                self._arrived.put(json.loads(stream.read(length)))
