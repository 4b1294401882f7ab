"""A folder in which others drop files: on this machine, or on one that is reached by SFTP."""

from __future__ import annotations

import base64
import logging
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from connectors.base import AskFailed

if TYPE_CHECKING:
    from paramiko import SFTPClient

UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~")
SECONDS = 20.0
logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it would print is in the sentence of the failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of the folder: its size in bytes and when it last changed, as its system counts."""

    name: str
    size: int
    changed: int


class Folder(Protocol):
    """An open folder."""

    def entries(self) -> list[Entry]:
        """Return every plain file, the oldest first. Raises OSError."""

    def read(self, name: str, most: int) -> bytes:
        """Return at most `most` bytes of a file. Raises OSError."""

    def move(self, name: str, to: str) -> None:
        """Move a file into another folder, over one of the same name. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Local:
    """A folder of this machine."""

    path: Path

    def entries(self) -> list[Entry]:
        """As Folder has it; links are not followed."""
        found = []
        for file in self.path.iterdir():
            with suppress(FileNotFoundError):  # gone while we looked
                about = file.lstat()
                if stat.S_ISREG(about.st_mode):
                    found.append(Entry(name=file.name, size=about.st_size, changed=about.st_mtime_ns))
        return sorted(found, key=lambda entry: (entry.changed, entry.name))

    def read(self, name: str, most: int) -> bytes:
        """As Folder has it."""
        with (self.path / name).open("rb") as file:
            return file.read(most)

    def move(self, name: str, to: str) -> None:
        """As Folder has it; the other folder is made where it is not there."""
        target = self.path / to
        target.mkdir(parents=True, exist_ok=True)
        (self.path / name).replace(target / name)


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder reached by SFTP."""

    path: str
    client: SFTPClient

    def entries(self) -> list[Entry]:
        """As Folder has it."""
        found = [
            Entry(name=one.filename, size=one.st_size or 0, changed=one.st_mtime or 0)
            for one in self.client.listdir_attr(self.path)
            if stat.S_ISREG(one.st_mode or 0)
        ]
        return sorted(found, key=lambda entry: (entry.changed, entry.name))

    def read(self, name: str, most: int) -> bytes:
        """As Folder has it."""
        with self.client.open(f"{self.path}/{name}", "rb") as file:
            file.prefetch(min(most, file.stat().st_size or 0))
            return bytes(file.read(most))

    def move(self, name: str, to: str) -> None:
        """As Folder has it; the other folder has to be there."""
        target = to if to.startswith("/") else f"{self.path}/{to}"
        self.client.posix_rename(f"{self.path}/{name}", f"{target}/{name}")


def wanted(entries: list[Entry], pattern: str) -> list[Entry]:
    """Return the files that fit the pattern; hidden ones and those still being written by their name never do."""
    return [
        entry
        for entry in entries
        if fnmatchcase(entry.name, pattern)
        and not entry.name.startswith(".")
        and not entry.name.lower().endswith(UNFINISHED)
    ]


@contextmanager
def opened(address: str, *, password: str, key_file: str, host_key: str) -> Iterator[Folder]:
    """Open a folder by its path, or by sftp://user@host:port/path. Raises AskFailed for whatever goes wrong in it."""
    try:
        if not address.startswith("sftp://"):
            yield Local(Path(address))
            return
        with _client(address, password, key_file, host_key) as client:
            yield Remote(unquote(urlsplit(address).path).rstrip("/") or "/", client)
    except OSError as error:
        where = Path(str(error.filename)).name if error.filename else "The folder"
        raise AskFailed(f"{where} cannot be read: {error.strerror or type(error).__name__}.") from None


@contextmanager
def _client(address: str, password: str, key_file: str, host_key: str) -> Iterator[SFTPClient]:
    import paramiko  # noqa: PLC0415 - an extra, and 200 ms

    place = urlsplit(address)
    transport = None
    try:
        transport = paramiko.Transport((place.hostname or "", place.port or 22))
        transport.banner_timeout = transport.auth_timeout = SECONDS
        kind, _, key = host_key.strip().partition(" ")
        known: Any = paramiko.PKey.from_type_string(kind, base64.b64decode(key.split()[0]))
        private = paramiko.PKey.from_path(key_file, password.encode() or None) if key_file else None
        transport.connect(known, unquote(place.username or ""), "" if private else password, private)
        client = paramiko.SFTPClient.from_transport(transport)
        if client is None:
            raise AskFailed("The server has no SFTP.")
        client.get_channel().settimeout(SECONDS)
        yield client
    except (paramiko.SSHException, EOFError, ValueError, IndexError) as error:
        raise AskFailed(f"SFTP: {type(error).__name__}: {str(error)[:120]}") from None
    finally:
        if transport is not None:
            transport.close()
