"""`make docs`: gather the pages, give them an order, and let Sphinx make a site of them.

The pages are written for whoever reads them in the repository; here they are copied beside each other as they lie
there, so that every link still leads where it led. What is linked and is no page (a file of settings, an image) comes
along.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s#]+)(#[^)\s]*)?(\))")
LOADS = re.compile(
    r'<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//[^"]*"'
    r'|<link[^>]*rel="(?:stylesheet|preload|icon)"[^>]*href="(?:https?:)?//[^"]*"'
    r"|@import[^;]*//[^;]*|url\([^)]{0,2}https?:[^)]*\)"
)
COMMENT = re.compile(r"<!-- \[\[\[cog.*?-->\n?|<!-- \[\[\[end\]\]\] -->\n?", re.DOTALL)
NAVIGATION = {
    "Start": ("README", "docs/tutorials/first-text"),
    "Tutorials": (
        "docs/tutorials/connect-a-shop", "docs/tutorials/connect-an-erp", "docs/tutorials/write-and-test-a-rule",
        "docs/tutorials/go-live",
    ),
    "Guides": (
        "docs/connectors", "docs/gateways", "docs/rules", "docs/campaigns", "docs/links", "docs/verifications",
        "docs/webhooks", "docs/replies",
    ),
    "Reference": ("docs/api", "docs/reasons", "docs/glossary", "docs/architecture"),
    "Operations": (
        "docs/operations", "docs/scaling", "docs/upgrading", "docs/service-level", "docs/reliability",
        "docs/performance", "docs/quality",
    ),
    "Security": ("docs/security", "SECURITY"),
    "Decisions": ("docs/decisions/index",),
    "Project": ("CONTRIBUTING", "docs/add-a-connector", "CHANGELOG"),
}  # fmt: skip
"""The order of the pages; one that is named nowhere stands at the end of Reference."""


def pages() -> list[Path]:
    """Return every page of the repository that belongs on the site."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def gather(target: Path) -> None:
    """Copy the pages and what they link to, and write the two that exist for the site alone."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for page in pages():
        text = COMMENT.sub("", page.read_text("utf-8"))
        _put(target, page, LINK.sub(partial(_link, page=page, target=target), text))
    _write(target / "docs" / "connectors.md", _listing("connectors", hidden=True), more=True)
    _write(target / "docs" / "decisions" / "index.md", "# Decisions\n\n" + _listing("decisions"))
    _write(target / "index.md", _index())


def _put(target: Path, page: Path, text: str) -> None:
    copy = target / page.relative_to(ROOT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text, encoding="utf-8")


def _link(found: re.Match[str], page: Path, target: Path) -> str:
    """Keep a link that leads to a page, bring along a file it leads to, and name a folder by its page of contents."""
    words, path, anchor, end = found[1], found[2], found[3] or "", found[4]
    if path.startswith(("http:", "https:", "mailto:")):
        return found[0]
    leads_to = (page.parent / path).resolve()
    if leads_to.is_dir():
        return f"{words}{path.rstrip('/')}/index.md{end}" if leads_to.name == "decisions" else words[1:-2]
    if leads_to.suffix != ".md" and leads_to.is_file():
        copy = target / leads_to.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(leads_to, copy)
    return f"{words}{path}{anchor}{end}"


def _listing(folder: str, *, hidden: bool = False) -> str:
    names = sorted(path.stem for path in (ROOT / "docs" / folder).glob("*.md"))
    level = f"{folder}/" if hidden else ""
    return "\n".join(["```{toctree}", *([":hidden:"] if hidden else [":maxdepth: 1"]), "",
                      *(f"{level}{name}" for name in names), "```", ""])  # fmt: skip


def _index() -> str:
    """Write the first page: one list of contents for each part of the site."""
    said = "Business events in, text messages out, every one accounted for."
    return "\n".join(["# Tidings", "", said, "", *_parts()])


def _parts() -> Iterator[str]:
    for part, names in ordered().items():
        yield from ("```{toctree}", f":caption: {part}", ":maxdepth: 1", "", *names, "```", "")


def ordered() -> dict[str, list[str]]:
    """Return the pages of every part in their order; each page is in one."""
    named = {name for names in NAVIGATION.values() for name in names}
    inner = ("docs/connectors/", "docs/decisions/")
    there = [path.relative_to(ROOT).with_suffix("").as_posix() for path in pages()]
    found = {part: [name for name in names if name in there or name == "docs/decisions/index"]
             for part, names in NAVIGATION.items()}  # fmt: skip
    found["Reference"] += [name for name in there if name not in named and not name.startswith(inner)]
    return found


def _write(path: Path, text: str, *, more: bool = False) -> None:
    before = path.read_text("utf-8") + "\n" if more else ""
    path.write_text(before + text, encoding="utf-8")


def elsewhere(site: Path) -> list[str]:
    """Return what a page would load from another host: styles, scripts, fonts, images."""
    return sorted(
        f"{page.relative_to(site)}: {address}"
        for page in (*site.rglob("*.html"), *site.rglob("*.css"))
        for address in LOADS.findall(page.read_text("utf-8", "replace"))
    )


def main() -> int:
    """Make the site in build/site; a warning, or a thing that is loaded from elsewhere, is an error."""
    from sphinx.cmd.build import build_main  # noqa: PLC0415 - the extra docs

    source, site = BUILD / "site-source", BUILD / "site"
    gather(source)
    code = build_main(["-q", "-W", "--keep-going", "-E", "-j", "auto", "-c", str(ROOT / "docs" / "website"),
                       "-d", str(BUILD / "site-trees"), str(source), str(site)])  # fmt: skip
    loaded = elsewhere(site)
    for one in loaded:
        sys.stderr.write(f"{one} is on another host\n")
    return code or bool(loaded)


if __name__ == "__main__":
    sys.exit(main())
