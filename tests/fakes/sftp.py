"""An SFTP server that shows one folder to one user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import paramiko


def handlers(root: Path) -> tuple[Any, Any]:
    """Return who is let in, and what is shown, as paramiko's server wants them."""

    class Door(paramiko.ServerInterface):  # type: ignore[misc]  # the library has no types
        def check_auth_password(self, username: str, password: str) -> int:
            is_right = (username, password) == ("shop", "not-a-real-password")
            return int(paramiko.AUTH_SUCCESSFUL if is_right else paramiko.AUTH_FAILED)

        def check_channel_request(self, kind: str, chanid: int) -> int:
            return int(paramiko.OPEN_SUCCEEDED)

    class Shown(paramiko.SFTPServerInterface):  # type: ignore[misc]
        def list_folder(self, path: str) -> Any:
            return [paramiko.SFTPAttributes.from_stat(one.lstat(), one.name) for one in sorted(here(path).iterdir())]

        def stat(self, path: str) -> Any:
            return paramiko.SFTPAttributes.from_stat(here(path).stat())

        def open(self, path: str, flags: int, attr: Any) -> Any:
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = os.fdopen(os.open(here(path), os.O_RDONLY), "rb")
            handle.stat = lambda: self.stat(path)
            return handle

        def posix_rename(self, oldpath: str, newpath: str) -> int:
            here(oldpath).replace(here(newpath))
            return int(paramiko.SFTP_OK)

    def here(path: str) -> Path:
        return root / path.lstrip("/")

    return Door(), Shown
