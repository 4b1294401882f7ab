"""Doing what a page says, as its reader would: files written, commands typed, a service running, answers compared.

A block that begins with `# name.ext` is a file. `bash` blocks are typed one after the other; what one exports or
defines, the next still knows. A `text` block is what the block before it prints, or, after words about the first
terminal, what the service prints; `...` stands for anything.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.service import Service

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?P<before>[^\n]*)\n*^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# ([\w./-]+\.\w+)\n")
PORT = "8080"
PATIENCE = 15.0
READS = re.compile(r"^tidings [\w-]+ (list|show|check)\b[^\n;|&]*$")
"""What may be typed again until it shows what is to come: events are planned a moment after they were accepted."""


@dataclass(slots=True)
class Reader:
    """Somebody who reads a page at a machine of their own."""

    folder: Path
    service: Service | None = None
    printed: str = ""
    typed: str = ""
    _kept: Path = field(init=False)

    def __post_init__(self) -> None:
        self._kept = self.folder.parent / f"{self.folder.name}.env"
        self._kept.write_text("", "utf-8")

    def reads(self, page: Path) -> None:
        """Do everything a page says. Raises AssertionError where it says something that is not so."""
        for found in BLOCK.finditer(page.read_text("utf-8")):
            kind, body = found["kind"], self._here(found["body"])
            named = NAMED.match(body)
            if kind == "text":
                self._compares(found["before"], body)
            elif kind == "bash":
                self._types(body)
            elif named:
                (self.folder / named[1]).write_text(body[named.end() :] if kind == "json" else body, "utf-8")

    def leaves(self) -> None:
        """Stop what runs."""
        if self.service is not None:
            self.service.term()

    def _here(self, text: str) -> str:
        return text.replace(PORT, str(self.service.port)) if self.service else text

    def _types(self, block: str) -> None:
        lines = block.splitlines()
        if "tidings serve" in lines:
            self._bash("\n".join(line for line in lines if line != "tidings serve"))
            self._serves()
        else:
            self._bash(block)

    def _bash(self, block: str) -> None:
        script = (
            f"set -eo pipefail; source {self._kept}; set -u\n{block}\n{{ export -p; declare -f; declare -p order "
            f"2>/dev/null || true; }} > {self._kept}"
        )
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, timeout=60,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TIDINGS": str(ROOT), "LANG": "C.UTF-8",
                 "HOME": str(self.folder)},
        )  # fmt: skip
        self.typed, self.printed = block, done.stdout
        assert done.returncode == 0, f"{block}\n{done.stdout}"

    def _serves(self) -> None:
        """Start the service as it was set up, on a port that is free."""
        exported = dict(re.findall(r'^declare -x (\w+)="([^"]*)"$', self._kept.read_text("utf-8"), re.MULTILINE))
        secrets = {name: value for name, value in exported.items() if "SECRET" in name}
        self.service = OwnSettings(self.folder, environment=secrets)
        settings = (self.folder / "tidings.toml").read_text("utf-8")
        assert PORT in settings, "the page's settings must name the port"
        (self.folder / "tidings.toml").write_text(settings.replace(PORT, str(self.service.port)), "utf-8")
        self.service.start()

    def _compares(self, before: str, shown: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            seen = self.service.log if self.service and "first terminal" in before else self.printed
            if is_shown(shown, seen):
                return
            assert time.monotonic() < deadline, f"said:\n{shown}\nseen:\n{seen}\nafter: {self.typed}"
            time.sleep(0.2)
            block, said = self.typed, self.printed
            last = block.strip().splitlines()[-1] if block.strip() else ""
            if READS.match(last) and "first terminal" not in before:
                self._bash(last)
                self.typed, self.printed = block, said + self.printed


class OwnSettings(Service):
    """A service whose settings the page wrote."""

    def write(self) -> None:
        pass


def is_shown(shown: str, seen: str) -> bool:
    """Tell whether these lines are there in this order, where `...` in a line stands for anything."""
    rest = seen.splitlines()
    for line in shown.splitlines():
        wanted = re.compile(".*".join(re.escape(part) for part in line.strip().split("...")))
        while rest and not wanted.search(rest[0]):
            rest.pop(0)
        if not rest:
            return False
        if line.strip() != "...":
            rest.pop(0)
    return True
