"""Everything a rules file is made of: itself, what it includes, the texts beside it, and other YAML beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from model.reasons import ConfigError
from rules.reader import Node, read

MAX_FILES = 500
INCLUDE = re.compile(rb"^include[ \t]*:.*(?:\n(?:[ \t\-\]#].*)?)*", re.MULTILINE)


def files_of(path: Path) -> dict[str, str]:
    """Return every file by its name below the folder, the main file first; what is no UTF-8 is nobody's text."""
    found = {}
    for file in paths_of(path):
        try:
            found[file.relative_to(path.parent).as_posix()] = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
    return found


def paths_of(path: Path) -> list[Path]:
    """Return the main file, what lies beside it, and what it includes, each once, also while some of it is broken."""
    base = path.parent
    beside = sorted([*base.glob("*.yaml"), *base.glob("*.yml"), *base.glob("templates/*.txt")])
    return list({file.resolve(): file for file in (path, *beside, *included(path))}.values())


def matching(base: Path, pattern: str) -> list[Path]:
    """Return the files an include names. Raises NotADirectoryError for names that lead out of the folder."""
    if pattern.startswith("/") or ".." in Path(pattern).parts or "\0" in pattern:
        raise NotADirectoryError(pattern)
    return sorted(base.glob(pattern))


def included(path: Path) -> Iterator[Path]:
    """Yield the files that a rules file includes, and those include."""
    base, waiting, seen = path.parent, [path], {path.resolve()}
    while waiting and len(seen) <= MAX_FILES:
        for pattern in _patterns_in(waiting.pop()):
            for other in _found(base, pattern):
                if other.resolve() not in seen:
                    seen.add(other.resolve())
                    waiting.append(other)
                    yield other


def _found(base: Path, pattern: str) -> list[Path]:
    try:
        return [path for path in matching(base, pattern) if path.is_file()]
    except (ValueError, NotImplementedError, OSError):
        return []


def _patterns_in(path: Path) -> tuple[str, ...]:
    try:
        stat = path.stat()
        return _read_patterns(path, stat.st_mtime_ns, stat.st_size)
    except OSError:
        return ()


@lru_cache(maxsize=2_000)
def _read_patterns(path: Path, _changed: int, _size: int) -> tuple[str, ...]:
    """Read what a file includes, from its `include:` alone: the rest may be large, or broken."""
    raw = path.read_bytes()
    found = INCLUDE.search(raw)
    if found is None and b"include" not in raw:
        return ()
    try:
        root = read(path, content=found[0] if found else raw)
    except ConfigError:
        return ()
    node = (root.entries or {}).get("include")
    return tuple(child.text for child in _children(node) if child.text)


def _children(node: Node | None) -> list[Node]:
    return [] if node is None else node.items if node.items is not None else [node]
