"""A panel's drawing, in each of its forms, from the answers of Prometheus. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape

from support.monitoring.panels import Form, Level, Panel

WIDTH, HEIGHT = 560, 150
"""Of a panel's lines."""
LEFT, TOP, BOTTOM = 80, 8, 22
"""Room for the numbers beside them, and for the times below."""
NAMES, ROWS, LETTER = 240, 196, 6.8
"""Of states: room for the names of rows, height of all rows, width of a letter."""
MOST_ROWS = 8
COLOURS = ("#1f6fb4", "#d1600b", "#2b8a3e", "#b3261e", "#6f42a8", "#7a5230", "#c2418a", "#4b5563")
_SIZES = ((1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))
NAMED = {"green": "#2b8a3e", "orange": "#b85408", "red": "#b3261e", "blue": "#1f6fb4", "text": "#1b1f24"}


@dataclass(frozen=True)
class Span:
    """The time axis of all panels, in seconds; `step` is what lies between two points."""

    begin: float
    end: float
    step: float

    def share(self, time: float) -> float:
        return (time - self.begin) / (self.end - self.begin)


@dataclass(frozen=True)
class Curve:
    """One series: its name in the legend, its values by time, its labels."""

    name: str
    points: tuple[tuple[float, float], ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    def pieces(self, step: float) -> Iterator[tuple[tuple[float, float], ...]]:
        """Return the points between its gaps: what was not there has no line."""
        piece: list[tuple[float, float]] = []
        for point in self.points:
            if piece and point[0] - piece[-1][0] > 1.5 * step:
                yield tuple(piece)
                piece = []
            piece.append(point)
        if piece:
            yield tuple(piece)


def drawn(panel: Panel, curves: Sequence[Curve], span: Span) -> str:
    """Return the inside of the panel."""
    match panel.form:
        case Form.NUMBER:
            return _numbers(panel, curves)
        case Form.TABLE:
            return _table(panel, curves)
        case Form.STATES:
            return _states(panel, curves, span)
        case Form.LINES:
            return _lines(panel, curves, span)


def legend(template: str, labels: Mapping[str, str]) -> str:
    """`{{model}} p95` -> `churn p95`; without a template all labels."""
    if not template:
        return " ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def in_unit(value: float, unit: str) -> str:
    """Return the value with its unit, as Grafana names units: 0.25 percentunit -> 25 %"""
    match unit:
        case "percentunit":
            return f"{_figure(value * 100)} %"
        case "s":
            return f"{_figure(value * 1000)} ms" if abs(value) < 1 else f"{_figure(value)} s"
        case "bytes" | "Bps":
            size, named = next(each for each in _SIZES if abs(value) >= each[0] or each[0] == 1)
            return f"{_figure(value / size)} {named}" + "/s" * (unit == "Bps")
        case "reqps" | "ops":
            return f"{_figure(value)}/s"
    return _figure(value)


def _figure(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _level(panel: Panel, value: float) -> Level | None:
    reached = [each for each in panel.levels if value >= each.least]
    return reached[-1] if reached else None


def _numbers(panel: Panel, curves: Sequence[Curve]) -> str:
    """Return the last value of each curve, as large text in the colour of its level."""
    shown = []
    for each in curves:
        value = each.points[-1][1]
        level = _level(panel, value)
        colour = NAMED[level.colour if level else "text"]
        said = f"{in_unit(value, panel.unit)}<small>{escape(each.name)}</small>"
        shown.append(f'<div style="color:{colour}">{said}</div>')
    return f'<div class="number">{"".join(shown)}</div>'


def _table(panel: Panel, curves: Sequence[Curve]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in panel.columns)
    rows = []
    for each in curves[:MOST_ROWS]:
        cells = (f'<td class="{name}">{escape(each.labels.get(name, ""))}</td>' for name in panel.columns)
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = len(curves) - MOST_ROWS
    left = f"<p>and {more} more</p>" if more > 0 else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{left}"


def _states(panel: Panel, curves: Sequence[Curve], span: Span) -> str:
    """Return a row for each curve, coloured while it is there, with what its value means."""
    row = min(30.0, (ROWS - BOTTOM) / max(1, len(curves)))
    parts = []
    for number, curve in enumerate(curves):
        y, most = number * row, int(NAMES // LETTER)
        name = curve.name if len(curve.name) <= most else f"{curve.name[: most - 1]}…"
        parts.append(f'<text x="{NAMES - 8}" y="{y + row / 2 + 4}" text-anchor="end">{escape(name)}</text>')
        for begin, end, value in _stretches(panel, curve, span):
            x, width = NAMES + span.share(begin) * (WIDTH - NAMES), span.share(end) - span.share(begin)
            wide = width * (WIDTH - NAMES)
            said, colour = _meaning(panel, curve.name, value)
            parts.append(
                f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{wide:.1f}" height="{row - 4:.1f}" fill="{colour}"/>'
            )
            if len(said) * LETTER < wide:
                parts.append(f'<text class="in" x="{x + 5:.1f}" y="{y + row / 2 + 4}">{escape(said)}</text>')
    return f'<svg width="{WIDTH}" height="{ROWS}">{"".join(parts)}{_times(span, NAMES, ROWS)}</svg>'


def _stretches(panel: Panel, curve: Curve, span: Span) -> Iterator[tuple[float, float, float]]:
    """Return begin, end and value of the times in which the value means the same; the last value holds for a step."""
    for piece in curve.pieces(span.step):
        same = itertools.groupby(piece, key=lambda point: _meaning(panel, curve.name, point[1]))
        begins = [next(points) for _, points in same]
        ends = [*(begin for begin, _ in begins[1:]), min(piece[-1][0] + span.step, span.end)]
        for (begin, value), end in zip(begins, ends, strict=True):
            yield begin, end, value


def _meaning(panel: Panel, row: str, value: float) -> tuple[str, str]:
    """Return what is said of the value, and its colour."""
    level = _level(panel, value)
    if level is None:
        return _figure(value), NAMED[dict(panel.colours).get(row, panel.colour)]
    if level.meaning:
        return level.meaning, NAMED[level.colour]
    higher = panel.levels[panel.levels.index(level) + 1 :]
    said = f"< {in_unit(higher[0].least, panel.unit)}" if higher else f"{in_unit(level.least, panel.unit)}+"
    return said, NAMED[level.colour]


def _lines(panel: Panel, curves: Sequence[Curve], span: Span) -> str:
    values = [value for curve in curves for _, value in curve.points]
    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1

    def place(time: float, value: float) -> str:
        y = TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return f"{LEFT + span.share(time) * (WIDTH - LEFT):.1f},{y:.1f}"

    def line(piece: Sequence[tuple[float, float]]) -> str:
        last, value = piece[-1]
        if len(piece) == 1:  # A dash: a point has no length.
            piece = [*piece, (last + span.step / 4, value)]
        elif panel.is_count:
            steps = (
                ((begin, before), (end, before)) for (begin, before), (end, _) in itertools.pairwise(piece)
            )
            piece = [*itertools.chain.from_iterable(steps), (last, value)]
        return " ".join(place(*point) for point in piece)

    lines = "".join(
        f'<polyline stroke="{colour}" points="{line(piece)}"/>'
        for curve, colour in zip(curves, itertools.cycle(COLOURS), strict=False)
        for piece in curve.pieces(span.step)
    )
    axes = _scale(low, high, panel) + _times(span, LEFT, HEIGHT)
    return f'<svg width="{WIDTH}" height="{HEIGHT}">{axes}{lines}</svg>{_legend(curves)}'


def _scale(low: float, high: float, panel: Panel) -> str:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y, value = TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), low + share * (high - low)
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
        if not panel.is_count or value == int(value):
            said = in_unit(value, panel.unit)
            lines.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{said}</text>')
    return "".join(lines)


def _times(span: Span, left: int, height: int) -> str:
    lines = []
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x = left + share * (WIDTH - left)
        moment = datetime.fromtimestamp(span.begin + share * (span.end - span.begin), UTC)
        lines.append(f'<text x="{x}" y="{height - 5}" text-anchor="{anchor}">{moment:%H:%M:%S}</text>')
    return "".join(lines)


def _legend(curves: Sequence[Curve]) -> str:
    items = "".join(
        f'<li><i style="background:{colour}"></i>{escape(curve.name)}</li>'
        for curve, colour in zip(curves, itertools.cycle(COLOURS), strict=False)
        if curve.name
    )
    return f"<ul>{items}</ul>"
