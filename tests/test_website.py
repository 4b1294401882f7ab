"""The documentation site: every page has a place, links lead inside, nothing comes from elsewhere (`make docs`)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from docs.website.__main__ import ROOT, elsewhere, gather, ordered, pages
from tests.test_docs import LINK


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site") / "source"
    gather(target)
    return target


def test_every_page_stands_once_in_the_order(gathered: Path) -> None:
    placed = Counter(name for names in ordered().values() for name in names)
    there = {path.relative_to(ROOT).with_suffix("").as_posix() for path in pages()}
    inner = {name for name in there if name.startswith(("docs/connectors/", "docs/decisions/"))}

    assert [name for name, count in placed.items() if count > 1] == []
    assert there - inner <= set(placed)
    assert [name for name in placed if not (gathered / f"{name}.md").exists()] == []


def test_the_parts_of_the_site_are_those_a_reader_looks_for() -> None:
    assert list(ordered()) == [
        "Start", "Tutorials", "Guides", "Reference", "Operations", "Security", "Decisions", "Project",
    ]  # fmt: skip
    assert all(ordered().values())


def test_links_lead_to_what_was_brought_along(gathered: Path) -> None:
    for page in gathered.rglob("*.md"):
        for link in LINK.findall(page.read_text("utf-8")):
            path = link.partition("#")[0]
            if path and not path.startswith(("http:", "https:", "mailto:")):
                assert (page.parent / path).exists(), f"{page.relative_to(gathered)}: {link}"


def test_nothing_of_how_pages_are_made_is_shown(gathered: Path) -> None:
    assert [page.name for page in gathered.rglob("*.md") if "[[[cog" in page.read_text("utf-8")] == []


def test_what_is_loaded_from_elsewhere_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://example.com/">out</a><script src="_static/a.js"></script>'
        '<script async src="https://cdn.example/a.js"></script>'
        '<link rel="stylesheet" href="//fonts.example/css">', "utf-8",
    )  # fmt: skip
    (tmp_path / "style.css").write_text("body { background: url('https://cdn.example/a.png') }", "utf-8")

    found = elsewhere(tmp_path)

    assert len(found) == 3
    assert not any("example.com" in one for one in found)
