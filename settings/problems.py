"""A mistake in the settings, with the nearest name that is known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from model.reasons import Problem


def problem(path: Path, text: str, word: str = "", known: Iterable[str] = ()) -> Problem:
    """Say what is wrong with the file, and which of `known` may have been meant by `word`."""
    near = difflib.get_close_matches(word, list(known), n=1) if word else []
    return Problem(path=str(path), line=1, column=1, text=text, hint=f"Did you mean {near[0]}?" if near else "")
