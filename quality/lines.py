"""Which test runs which line: one run of the tests under coverage.py, with a context for each test.

The run is kept in build/quality beside a digest of all it depends on, and made anew when a file changed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "quality"
PACKAGES = ("model", "wire", "rules", "dispatch", "inbound", "audit", "connectors", "gateways")
LEFT_OUT = (
    "tests/chaos", "tests/peers", "tests/quality", "tests/simulation", "tests/audit/test_plans_of_queries.py",
    "tests/audit/test_postgres.py", "tests/commands/test_certify.py", "tests/dispatch/test_shared_rates.py",
    "tests/test_architecture.py", "tests/test_campaign_crash.py", "tests/test_certify.py", "tests/test_cli.py",
    "tests/test_crash.py", "tests/test_deploy.py", "tests/test_docs.py", "tests/test_fuzz.py",
    "tests/test_monitoring.py", "tests/test_starting.py", "tests/test_supply.py", "tests/test_tutorials.py",
    "tests/test_website.py", "tests/web/test_accessible.py", "tests/web/test_rules_browser.py",
)  # fmt: skip
"""Tests that start processes (a mutant lives in this one alone), a browser or a server, read the files themselves, or
look for the unforeseen at random: none of them is asked, so a score is what the quick tests of behaviour notice."""

QUIETLY = ("-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0")
"""How tests are run here: in one process, in one order and with one seed."""

IMPORTING = "importing"
SHARED = "everything else"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One test: its pytest name and the seconds it took."""

    name: str
    seconds: float

    @property
    def file(self) -> str:
        """Return the file it stands in."""
        return self.name.partition("::")[0]


@dataclass(frozen=True, kw_only=True)
class Lines:
    """What the kept run knows."""

    kept: Path = KEPT
    root: Path = ROOT
    _seen: dict[str, Mapping[int, Sequence[str]]] = field(default_factory=dict)

    @cached_property
    def tests(self) -> Mapping[str, Timed]:
        """Return all tests that were run, by name."""
        took: Mapping[str, float] = json.loads((self.kept / "seconds.json").read_text("utf-8"))
        return {name: Timed(name=name, seconds=seconds) for name, seconds in took.items()}

    @cached_property
    def _data(self) -> CoverageData:
        data = CoverageData(str(self.kept / "coverage"))
        data.read()
        return data

    def running(self, file: str, line: int) -> list[Timed]:
        """Return the tests that run a line of a file; of a line that runs at import, those that use the file at all."""
        seen = self._of(file)
        first = max((one for one in seen if one <= line), default=line)  # of a statement over lines, the first is seen
        names = set(seen.get(first, ()))
        if IMPORTING in names:
            names = self._using(file)
        return [self.tests[name] for name in sorted(names) if name in self.tests]

    def _using(self, file: str) -> set[str]:
        """Return the tests that run a function of the file, or of a file that imports it where it has none; and those
        of its package that import it themselves.
        """
        imports = _imports(file)
        own = {name for names in self._of(file).values() for name in names} - {IMPORTING}
        for other in () if own else self._data.measured_files():
            if imports.search(Path(other).read_text("utf-8")):
                own |= {name for names in self._data.contexts_by_lineno(other).values() for name in names}
        near = {one.file for one in self.tests.values() if one.file.startswith(f"tests/{file.partition('/')[0]}/")}
        nearest = {name for name in near if imports.search((self.root / name).read_text("utf-8"))}
        return own | {one.name for one in self.tests.values() if one.file in nearest}

    def _of(self, file: str) -> Mapping[int, Sequence[str]]:
        if file not in self._seen:
            self._seen[file] = self._data.contexts_by_lineno(str(self.root / file))
        return self._seen[file]


def _imports(file: str) -> re.Pattern[str]:
    """Return what an import of a file looks like."""
    package, _, module = file.removesuffix(".py").replace("/", ".").rpartition(".")
    return re.compile(rf"(?m)^from {package}\.{module} import|^from {package} import .*\b{module}\b")


def known() -> Lines:
    """Return which test runs which line. What the kept run does not know yet is run now: the changed files of tests,
    or everything (some minutes) where the code or what tests share has changed.
    """
    mark = KEPT / "digests.json"
    before: Mapping[str, str] = json.loads(mark.read_text("utf-8")) if mark.exists() else {}
    now = _digests()
    wanted = sorted(name for name in now if now[name] != before.get(name))
    if wanted:
        KEPT.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        words = wanted if SHARED not in wanted else []
        subprocess.run([sys.executable, "-m", "quality.lines", *words], cwd=ROOT, check=True)  # noqa: S603 - this file
        mark.write_text(json.dumps(now, indent=0), encoding="utf-8")
    return Lines()


def _digests() -> Mapping[str, str]:
    """Return a digest of each file of tests, and one of everything else that decides what tests run."""
    shared = blake2b(digest_size=16)
    found: dict[str, str] = {}
    for folder in (*PACKAGES, "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("tests/"):
                shared.update(path.read_bytes())
            elif path.name.startswith("test_") and not name.startswith(LEFT_OUT):
                found[name] = blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return {**found, SHARED: shared.hexdigest()}


class _Watch:
    """A pytest plugin: tell coverage.py which test runs, and keep how long each took that passed."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self.took: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        began = time.process_time()
        result = yield
        self.took[item.nodeid] = round(time.process_time() - began, 4)
        self.coverage.switch_context(IMPORTING)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def run(files: Sequence[str]) -> None:
    """Run files of tests, or all, under coverage.py, and keep what was seen. A test that fails is not asked later:
    some measure time, which coverage.py takes.
    """
    coverage = Coverage(data_file=str(KEPT / "coverage"), source=[str(ROOT / one) for one in PACKAGES],
                        config_file=False)  # fmt: skip
    coverage.load() if files else coverage.erase()
    coverage.start()
    coverage.switch_context(IMPORTING)
    watch = _Watch(coverage)
    ignored = (f"--ignore={one}" for one in LEFT_OUT)
    pytest.main([*QUIETLY, "--timeout=600", "--tb=line", *ignored, *(files or ["tests"])], plugins=[watch])
    coverage.stop()
    coverage.save()
    kept = KEPT / "seconds.json"
    before: Mapping[str, float] = json.loads(kept.read_text("utf-8")) if files else {}
    took = {name: seconds for name, seconds in before.items() if name.partition("::")[0] not in files}
    took |= {name: seconds for name, seconds in watch.took.items() if name not in watch.failed}
    kept.write_text(json.dumps(took, indent=0), encoding="utf-8")


if __name__ == "__main__":
    run(sys.argv[1:])
