"""The tutorials do what they say: every file they write, every command they type, every answer they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scale import runs
from tests.tutorial import BLOCK, ROOT, Reader, is_shown

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, tmp_path: Path) -> None:
    if not runs(0, 1):
        pytest.skip("a service and a dozen commands each: with THOROUGH=1, as .ci/run has it")
    folder = tmp_path / "here"
    folder.mkdir()
    reader = Reader(folder)
    try:
        reader.reads(page)
    finally:
        reader.leaves()


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_shows_what_it_types_and_stays_short(page: Path) -> None:
    text = page.read_text("utf-8")
    kinds = {found["kind"] for found in BLOCK.finditer(text)}

    assert "bash" in kinds
    assert kinds <= {"bash", "toml", "yaml", "json", "text"}
    assert len(text.splitlines()) < 130


def test_a_page_that_is_wrong_is_found_out(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (tmp_path / "page.md").write_text("```bash\necho one\n```\n\n```bash\nfalse\n```\n", "utf-8")

    with pytest.raises(AssertionError, match="false"):
        Reader(folder).reads(tmp_path / "page.md")
    assert is_shown("a\n...\nc 3", "a\nb\nc 3\n")
    assert is_shown("m... waits", "m0123 waits\n")
    assert not is_shown("a\nb", "b\na\n")
    assert not is_shown("delivered", "accepted\n")
