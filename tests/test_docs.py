"""Documentation that cannot lie: commands run, links lead somewhere, names exist, generated parts are current."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

import app
import connectors
import demo
import settings
from audit import keys
from audit.journal import KINDS
from audit.store import Store
from cli import main
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from docs import connector_pages
from docs.generate import markdown, options
from docs.generate.commands import every_command
from docs.screenshots import IMAGES, LIMIT
from inbound import samples
from model.access import Permission
from model.event import Incoming
from model.reasons import Because, Reason
from rules.load import load
from running import configured
from tests import test_every_connector as contract
from web.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([
    *ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md"),
    *(ROOT / "docs" / "tutorials").glob("*.md"),
])  # fmt: skip
CONNECTOR_PAGES = sorted((ROOT / "docs" / "connectors").glob("*.md"))
README = (ROOT / "README.md").read_text("utf-8")
SERVICE = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
SERVES = {"serve", "demo", "play"}
"""Commands that run for long: they are resolved here and run by tests/test_cli.py and the crash tests."""

PLAIN = {"cp", "sqlite-utils", "curl"}
WORDS_TO_AVOID = re.compile(r"[!](?=\s|$)|\b(blazing|seamless|powerful|revolutionary|world-class|best-in-class)\b")


@dataclass(frozen=True)
class Command:
    page: Path
    words: str

    def __str__(self) -> str:
        return f"{self.page.name}: {self.words[:60]}"


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def commands() -> list[Command]:
    found = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            lines = block.replace("\\\n", " ")
            # a quoted text may run over lines; a comment ends one
            for match in re.finditer(r"^((?:'[^']*'|[^\n#'])+)", lines, re.MULTILINE):
                found += [Command(page, words)] if (words := match[1].strip()) else []
    return found


COMMANDS = commands()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which the demo was played."""
    database = tmp_path_factory.mktemp("docs") / "tidings.db"
    assert demo.run_demo(database) == 0
    return database


@pytest.fixture
def here(played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as an operator has it: rules, samples, settings to copy and a database."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (tmp_path / "sample_payloads").symlink_to(ROOT / "sample_payloads")
    shutil.copy(ROOT / "tidings.example.toml", tmp_path)
    shutil.copy(played, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MY_APP_SECRET", "change-me")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_shown_can_be_typed(command: Command, here: Path) -> None:
    words = shlex.split(command.words)
    if words[0] == "make":
        assert words[1] in targets()
    elif words[0] == "tidings":
        run_tidings(words[1:], here)
    elif words[0] in PLAIN:
        run_plainly(command.words, here)
    else:
        assert words[0] in {"export", "."}, f"{command}: no test knows this command"


def run_tidings(words: list[str], here: Path) -> None:
    if words[0] in SERVES:
        main.commands[words[0]].make_context(words[0], words[1:])
        return
    result = CliRunner().invoke(main, [named(word, here) for word in words])
    assert result.exit_code == 0, result.output


def named(word: str, here: Path) -> str:
    """Put a real id in the place of the word that stands for one."""
    if word == "MESSAGE_ID":
        return waiting_text()
    if word != "EVENT_ID":
        return word
    with Store(here / "tidings.db").read() as tx:
        row = tx.execute("select id from events where state = 'planned' order by id limit 1").fetchone()
    return str(row["id"])


def waiting_text() -> str:
    """Queue a text, so that it can be shown and cancelled; return its id."""
    result = CliRunner().invoke(main, ["send", "--to", "+447700900123", "--text", "A text."])
    found = re.search(r"\bm[0-9a-z]{13}\b", result.output)
    assert found, result.output
    return found[0]


def run_plainly(words: str, here: Path) -> None:
    if words.startswith("curl") and not shutil.which("curl"):
        pytest.skip(reason="curl is not installed")
    with service(here) if SERVICE in words else nothing() as (address, key):
        done = subprocess.run(
            ["bash", "-c", words.replace(SERVICE, address).replace("curl ", "curl --silent --fail ", 1)],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "TIDINGS_KEY": key},
        )
    assert done.returncode == 0, done.stderr


@contextmanager
def nothing() -> Iterator[tuple[str, str]]:
    yield "", ""


@contextmanager
def service(here: Path) -> Iterator[tuple[str, str]]:
    """Serve what tidings.example.toml sets up, on a free port; give its address and a key of its API."""
    given = settings.load(here / "tidings.example.toml", {"MY_APP_SECRET": "change-me"})
    built = app.build(given.model_copy(update={"database": f"sqlite:///{here}/curl.db"}))
    wish = keys.KeyWish(name="docs", kind="live", scopes=list(Permission), actor="docs")
    _, key = built.store.write(lambda tx: keys.create(tx, wish, app.utc_now()))
    server = make_server("127.0.0.1", 0, built.wsgi, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", key
    finally:
        server.shutdown()
        server.server_close()
        built.store.close()


def test_the_webhook_of_the_readme_becomes_the_text_it_promises(here: Path) -> None:
    (curl,) = [command.words for command in COMMANDS if "/hooks/my_app" in command.words]
    body = shlex.split(curl)[-1].encode()
    given = settings.load(here / "tidings.example.toml", {"MY_APP_SECRET": "change-me"})
    connector = configured.sources_of(given)["my_app"].connector

    (event,) = connector.parse(Incoming(source="my_app", body=body, received_at=demo.START))
    moment = Moment(event_id="e1", now=demo.START, new_id=lambda: "m1")

    decisions = plan(load(ROOT / "rules" / "rules.yaml"), event, MemoryFacts(), moment).decisions

    assert [decision.rule for decision in decisions if decision.message] == ["order-confirmed"]


def targets() -> dict[str, str]:
    """The targets of the Makefile and what each does."""
    text = (ROOT / "Makefile").read_text("utf-8")
    return dict(re.findall(r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)*)", text, re.MULTILINE))


def test_make_runs_the_commands_that_are_there() -> None:
    written = [words for recipe in targets().values() for words in re.findall(r"\$\(BIN\)/tidings ([^\n]*)", recipe)]
    for words in written:
        command, rest = resolved(words.split())
        assert command.make_context(command.name, rest).command is command

    assert written


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = main
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("page", [*PAGES, *CONNECTOR_PAGES], ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    return {markdown.anchor(head) for head in re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)}


def test_every_connector_has_its_page_and_it_is_current() -> None:
    assert [path.name for path in connector_pages.outdated()] == [], "run make format"


def test_the_generated_parts_are_current() -> None:
    pages = [str(page.relative_to(ROOT)) for page in PAGES if page.parent != ROOT / "docs" / "decisions"]
    done = subprocess.run(
        [Path(sys.executable).parent / "cog", "--check", "-p", "import sys; sys.path.insert(0, '.')", *pages],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"run make format: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("reasons.md", [one.code for one in (*Because, *Reason)]),
        ("glossary.md", list(KINDS)),
        ("operations.md", [*METRICS]),
        ("operations.md", [" ".join(("tidings", *path)) for path, _ in every_command()]),
    ],
)
def test_everything_with_a_name_is_named(page: str, names: list[str]) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")

    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_setting_says_what_it_is_for() -> None:
    rows = [row.split(" | ") for row in options.settings().splitlines()[2:]]

    assert [row[0] for row in rows if len(row[-1].strip(" |")) < 10] == []


def test_every_setting_of_the_example_is_one(tmp_path: Path) -> None:
    """Also the lines that are switched off: uncommented, they build sources and gateways."""
    text = (ROOT / "tidings.example.toml").read_text("utf-8")
    switched_on = re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)
    file = tmp_path / "tidings.toml"
    file.write_text(switched_on, encoding="utf-8")
    names = re.findall(r'"env:(\w+)"', switched_on)

    found = settings.load(file, dict.fromkeys(names, "x" * 40))

    assert set(configured.sources_of(found)) == set(tomllib.loads(switched_on)["sources"])
    assert {"main", "backup"} <= set(configured.gateways_of(found))


def test_the_example_alone_changes_nothing_but_a_source() -> None:
    found = settings.load(ROOT / "tidings.example.toml", {"MY_APP_SECRET": "x"})

    assert found.model_copy(update={"sources": {}}) == settings.Settings()


def test_every_function_of_the_journey_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    packages = "|".join(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists())
    names = sorted(set(re.findall(rf"`((?:{packages})(?:\.\w+)+)`", text)) - {"rules.yaml"})

    assert len(names) > 20
    for name in names:
        found_at(name)


def found_at(name: str) -> Any:
    """Import what a dotted name stands for."""
    steps = name.split(".")
    for count in range(len(steps), 0, -1):
        try:
            place: Any = import_module(".".join(steps[:count]))
        except ModuleNotFoundError:
            continue
        for step in steps[count:]:
            place = getattr(place, step)
        return place
    raise AssertionError(f"{name} is nowhere")


def test_every_folder_is_in_the_tree() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    packages = [path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()]

    assert [name for name in packages if f"`{name}/`" not in text and name not in {"tests", "bench"}] == []


def test_every_table_of_the_store_is_described() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    scripts = "".join(path.read_text("utf-8") for path in (ROOT / "audit" / "migrations").glob("*.sql"))
    tables = re.findall(r"create (?:virtual )?table (\w+)", scripts)

    assert [name for name in tables if f"`{name}`" not in text] == []


def test_every_promise_has_its_test() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    promised = re.findall(r"`(test_\w+)`", README)

    assert len(promised) > 8
    assert [name for name in promised if name not in defined] == []


def test_the_kills_of_the_readme_are_those_on_record() -> None:
    block = (ROOT / "docs" / "reliability.md").read_text("utf-8").partition("<!-- kills -->")[2].partition("<!--")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines() if row.startswith("| ")]
    kills, events, lost, _, twice = (sum(int(row[place].replace(",", "")) for row in rows[2:]) for place in range(1, 6))

    assert f"{kills} kills under load: {events:,} events, {lost} lost, {twice} texted twice" in README


def test_every_line_of_the_security_checklist_names_a_test_that_is_there() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    lines = re.findall(r"^\| \d[^|]*\|[^|]*\|[^|]*\|([^|]*)\|$", text, re.MULTILINE)

    assert len(lines) > 25
    for line in lines:
        named = re.findall(r"`(test_\w+)`", line)
        assert named, line
        assert [name for name in named if name not in defined] == []


def test_the_connector_of_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = ROOT / "docs" / "add-a-connector.md"
    (code, *_), (body, *_), (expect, *_) = (blocks(guide, language) for language in ("python", "json", "yaml"))
    (tmp_path / "acme_shop.py").write_text(code, encoding="utf-8")
    samples_of = tmp_path / "samples" / "acme_shop"
    samples_of.mkdir(parents=True)
    (samples_of / "order-placed.json").write_text(body, encoding="utf-8")
    (samples_of / "order-placed.expect.yaml").write_text(expect, encoding="utf-8")
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(tmp_path)])

    sample = samples.read(samples_of / "order-placed.json")

    contract.test_sample_becomes_the_expected_events(sample)
    contract.test_events_carry_only_the_fields_their_connector_documents(sample)
    contract.test_a_signed_sample_is_genuine_and_a_changed_one_is_not(sample)
    contract.test_whatever_is_wrong_with_the_body_parse_answers_or_refuses(sample)
    sys.modules.pop("connectors.acme_shop")


def test_the_readme_fits_on_few_screens() -> None:
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.name)
def test_a_decision_is_short_and_says_what_would_change_it(page: Path) -> None:
    text = page.read_text("utf-8")

    assert len(text.splitlines()) <= 40
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Context", "Decision", "Consequences", "What would change our mind",
    ]  # fmt: skip


def test_screenshots_are_there_shown_somewhere_and_small() -> None:
    written = "".join(page.read_text("utf-8") for page in PAGES)
    shown = set(re.findall(r"images/([\w-]+\.png)\)", written))

    assert shown == {path.name for path in IMAGES.glob("*.png")}
    for name in shown:
        data = (IMAGES / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < LIMIT


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_calm_and_name_nobody_s_machine(page: Path) -> None:
    written = re.sub(r"<!-- \[\[\[cog.*?\[\[\[end\]\]\] -->", "", page.read_text("utf-8"), flags=re.DOTALL)
    text = re.sub(BLOCK, "", written)

    assert WORDS_TO_AVOID.findall(text) == []
    assert re.findall(r"(?<![\w.])/(?:home|root|work|Users)/\S*", text) == []
