"""The figures of several programs as one table: a row for each measure, a column for each program."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Figure

LEFT_OUT = "not measured"


def side_by_side(figures: Sequence[Figure], here: str) -> str:
    """Return the table in Markdown; below it, who is missing and why."""
    missing = [figure for figure in figures if figure.what == LEFT_OUT]
    measured = [figure for figure in figures if figure.what != LEFT_OUT]
    names = list(dict.fromkeys(figure.who for figure in measured))
    found = {(figure.who, figure.what): figure for figure in measured}
    lines = [f"{here}.", "", f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for what in dict.fromkeys(figure.what for figure in measured):
        cells = [_cell(found.get((name, what))) for name in names]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    lines += [f"\n{figure.who} was not measured: {figure.note}." for figure in missing]
    return "\n".join(lines) + "\n"


def _cell(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.shown} {figure.note}".strip()
