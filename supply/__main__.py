"""The commands behind `make audit` and `make sbom`: `python -m supply audit`, `sbom build/sbom.json`, `licences`."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from supply.packages import LOCK, ROOT, licences, locked, unfit

TOOLS = ROOT / ".venv" / "supply"
"""A virtual environment of its own: what looks at the packages should not be among them."""

MADE_OF = ROOT / ".venv" / "locked"
"""Another one, with the locked packages and nothing else."""

PATIENCE = 600.0


@click.group(help=__doc__)
def main() -> None:
    """Look at what we are built of."""


@main.command()
def audit() -> None:
    """Hold the locked packages against the advisories; where those are out of reach, say so and end with 0."""
    try:
        _installed(TOOLS, "pip-audit>=2.10,<3")
        said = _run(TOOLS, "pip-audit", "-r", str(LOCK), "--no-deps", "--disable-pip", "-f", "json",
                    "--progress-spinner", "off")  # fmt: skip
        found: Sequence[Mapping[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, subprocess.SubprocessError) as error:
        click.echo(f"Skipped: the advisories cannot be read from here ({_last(str(error))})")
        return
    unseen = [one["name"] for one in found if "skip_reason" in one]
    if len(unseen) == len(found):
        click.echo("Skipped: the package index that is set up here carries no advisories.")
        return
    weak = [(one, flaw) for one in found for flaw in one.get("vulns", ())]
    for one, flaw in weak:
        fixed = ", ".join(flaw["fix_versions"]) or "not mended yet"
        click.echo(f"{one['name']} {one['version']}: {flaw['id']}, mended in {fixed}")
    click.echo(f"{len(found) - len(unseen)} packages looked at, {len(unseen)} not known, {len(weak)} advisories.")
    sys.exit(1 if weak else 0)


@main.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def sbom(path: Path) -> None:
    """Write a CycloneDX bill of the locked packages."""
    try:
        _installed(TOOLS, "cyclonedx-bom>=7.2,<8")
        _installed(MADE_OF, "-r", str(LOCK))
        path.parent.mkdir(parents=True, exist_ok=True)
        _run(TOOLS, "cyclonedx-py", "environment", str(MADE_OF / "bin" / "python"), "--pyproject",
             str(ROOT / "pyproject.toml"), "--mc-type", "application", "--output-reproducible", "--of", "JSON",
             "-o", str(path), strict=True)  # fmt: skip
    except subprocess.SubprocessError as error:
        click.echo(f"The bill cannot be made here: {_last(str(error))}", err=True)
        sys.exit(1)
    missing = set(map(_bare, locked())) - {_bare(one["name"]) for one in json.loads(path.read_text())["components"]}
    click.echo(f"{path}: {len(locked()) - len(missing)} packages" + (f", missing {sorted(missing)}" if missing else ""))
    sys.exit(1 if missing else 0)


@main.command("licences")
def list_licences() -> None:
    """List the licences of the locked packages; end with 1 where one is not known to fit ours."""
    for name, version in locked().items():
        click.echo(f"{name} {version}: {', '.join(licences(name))}")
    odd = [*unfit()]
    for line in odd:
        click.echo(f"Does not fit, or is not known: {line}", err=True)
    sys.exit(1 if odd else 0)


def _installed(place: Path, *what: str) -> None:
    """Install into a virtual environment, which is made where there is none."""
    if not (place / "bin" / "python").exists():
        venv.create(place, with_pip=True)
    _run(place, "pip", "install", "--quiet", "--disable-pip-version-check", *what, strict=True)


def _run(place: Path, program: str, *words: str, strict: bool = False) -> str:
    done = subprocess.run(  # noqa: S603 - programs of our own environment
        [str(place / "bin" / program), *words], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode and (strict or not done.stdout):
        raise subprocess.SubprocessError(done.stderr)
    return done.stdout


def _bare(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["no word why"])[-1][:200]


if __name__ == "__main__":
    main()
