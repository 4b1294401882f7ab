"""Charts as SVG, drawn on the server: readable in print, with the numbers in a table beside them. Pure.

Colours and line widths are in the stylesheet; an element says only what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDE, HIGH = 480, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 22
SPARK_WIDE, SPARK_HIGH = 120, 24
Spot = tuple[float, float, "Point"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One day: its name, and its value; None where there is nothing to say."""

    name: str
    value: float | None
    words: str


def bars(title: str, points: Sequence[Point]) -> Markup:
    """Draw counts as bars."""
    top, step = _round_up(max((point.value or 0 for point in points), default=0)), _step(points)
    drawn = []
    for place, point in enumerate(points):
        height = (point.value or 0) / top * (HIGH - TOP - BOTTOM)
        x, y = LEFT + (place + 0.15) * step, HIGH - BOTTOM - height
        shape = f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{step * 0.7:.1f}" height="{height:.1f}"/>'
        drawn.append(_told(point, shape))
    return _frame(title, points, [_mark(HIGH - BOTTOM, "0"), _mark(TOP, f"{top:,.0f}")], drawn)


def line(title: str, points: Sequence[Point], target: float | None = None, low: float = 0.0) -> Markup:
    """Draw shares between `low` and 1 as a line that breaks where there is nothing; `target` is drawn as well."""
    low, step = min([low, *(point.value for point in points if point.value is not None)]), _step(points)
    spots: list[Spot] = [
        (LEFT + (place + 0.5) * step, _height(point.value, low), point)
        for place, point in enumerate(points)
        if point.value is not None
    ]
    drawn = [_aim(target, low)] if target is not None and target > low else []
    drawn += [_trend(part) for part in _unbroken(spots, step)]
    drawn += [_told(point, f'<circle class="spot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>') for x, y, point in spots]
    return _frame(title, points, [_mark(_height(low, low), f"{low:.0%}"), _mark(TOP, "100%")], drawn)


def _step(points: Sequence[Point]) -> float:
    return (WIDE - LEFT - RIGHT) / max(1, len(points))


def _told(point: Point, shape: str) -> str:
    return f"<g><title>{escape(point.name)}: {escape(point.words)}</title>{shape}</g>"


def _aim(target: float, low: float) -> str:
    y = _height(target, low)
    rule = f'<line class="target" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    where = f'x="{WIDE - RIGHT}" y="{y - 4:.1f}" text-anchor="end"'
    return f'{rule}<text class="target" {where}>target {target:.0%}</text>'


def spark(title: str, values: Sequence[int]) -> Markup:
    """Draw counts as one small line without axes, beside a number that says how many."""
    top, step = max([1, *values]), SPARK_WIDE / max(1, len(values) - 1)
    points = " ".join(
        f"{at * step:.1f},{SPARK_HIGH - 1 - value / top * (SPARK_HIGH - 3):.1f}" for at, value in enumerate(values)
    )
    return Markup(  # noqa: S704 - the title is escaped, the rest are numbers
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDE} {SPARK_HIGH}" role="img" aria-label="{escape(title)}">'
        f'<polyline points="{points}"/></svg>'
    )


def _trend(part: Sequence[Spot]) -> str:
    return f'<polyline class="trend" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in part)}"/>'


def _unbroken(spots: Sequence[Spot], step: float) -> list[list[Spot]]:
    parts: list[list[Spot]] = []
    for one in spots:
        if parts and one[0] - parts[-1][-1][0] < step * 1.5:
            parts[-1].append(one)
        else:
            parts.append([one])
    return parts


def _height(value: float, low: float) -> float:
    return HIGH - BOTTOM - (value - low) / max(1e-9, 1 - low) * (HIGH - TOP - BOTTOM)


def _mark(y: float, words: str) -> str:
    rule = f'<line class="level" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{rule}<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'


def _frame(title: str, points: Sequence[Point], levels: Sequence[str], drawn: Sequence[str]) -> Markup:
    names = []
    if points:
        names = [
            f'<text x="{LEFT}" y="{HIGH - 6}">{escape(points[0].name)}</text>',
            f'<text x="{WIDE - RIGHT}" y="{HIGH - 6}" text-anchor="end">{escape(points[-1].name)}</text>',
        ]
    inside = "".join([*levels, *drawn, *names])
    return Markup(  # noqa: S704 - every word in it was escaped above
        f'<svg class="chart" viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(title)}">{inside}</svg>'
    )


def _round_up(value: float) -> float:
    """Return the next round number: 1, 2 or 5 and zeros."""
    size = 1.0
    while size < value:
        if size * 2 >= value:
            return size * 2
        if size * 5 >= value:
            return size * 5
        size *= 10
    return size
