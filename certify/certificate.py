"""The certificate: what was checked of which gateway, by which version, when, with what result. No setting's value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certify.check import Finding, Verdict

WORDS: dict[Verdict, str] = {"passed": "passed", "failed": "**failed**", "not applicable": "not applicable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What one run found. `settings` says whose settings were used, `live` with which number's ending, if at all."""

    name: str
    kind: str
    title: str
    version: str
    at: datetime
    settings: str
    provenance: str
    unverified: str
    findings: Sequence[Finding]
    live: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return not any(finding.verdict == "failed" for finding in self.findings)

    @property
    def sums(self) -> str:
        """How many checks ended how."""
        counts = Counter(finding.verdict for finding in self.findings)
        return ", ".join(f"{counts[verdict]} {verdict}" for verdict in WORDS)

    @property
    def against(self) -> str:
        """Who played the provider."""
        scripted = "a scripted provider on this machine"
        return f"{scripted}, and the real one by texts to {self.live}" if self.live else scripted

    def document(self) -> dict[str, Any]:
        """The certificate as JSON says it."""
        facts = {
            "gateway": self.name, "kind": self.kind, "title": self.title, "tidings": self.version,
            "at": self.at.isoformat(timespec="seconds"), "against": self.against, "settings": self.settings,
            "samples": self.provenance, "unverified": self.unverified, "holds": self.holds, "sums": self.sums,
        }  # fmt: skip
        rows = [
            {"check": one.check.name, "group": one.check.group, "text": one.check.text, "verdict": one.verdict,
             "why": one.why}
            for one in self.findings
        ]  # fmt: skip
        return {**facts, "checks": rows}

    def json(self) -> str:
        """Write it as JSON."""
        return json.dumps(self.document(), indent=2, ensure_ascii=False) + "\n"

    def markdown(self) -> str:
        """Write it as a page."""
        facts = self.document()
        names = ("kind", "tidings", "at", "against", "settings", "samples", "unverified")
        head = [
            f"# Certificate: {self.title} as `{self.name}`",
            "",
            *(f"- {name}: {facts[name] or 'nothing'}" for name in names),
        ]
        table = ["", f"{'It holds' if self.holds else 'It does not hold'}: {self.sums}.", "",
                 "| Check | Verdict | Why |", "| --- | --- | --- |"]  # fmt: skip
        rows = [f"| {_cell(one.check.text)} | {WORDS[one.verdict]} | {_cell(one.why)} |" for one in self.findings]
        return "\n".join([*head, *table, *rows]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
