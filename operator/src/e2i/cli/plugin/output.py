"""Texts for terminals, pipes and machines: tables, ages, colours, JSON and YAML."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from e2i.api.conditions import parse_timestamp

Value = Mapping[str, Any]

_COLOURS = {"good": "green", "bad": "red", "busy": "yellow", "faint": "bright_black"}


def dump(value: Value, form: str) -> str:
    """`value` as JSON or YAML, its keys in the order of the reference page."""
    if form == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    return as_yaml(value).rstrip("\n")


def as_yaml(value: Value) -> str:
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def wants_colour(stream: Any) -> bool:
    """Only on a terminal, and not where NO_COLOR says no."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, tone: str, colour: bool) -> str:
    """`text` in the colour of its tone: good, bad, busy, faint; any other tone has none."""
    return click.style(text, fg=_COLOURS[tone]) if colour and tone in _COLOURS else text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they must be, three spaces apart, no blanks at the ends."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def age(since: str | None, now: datetime) -> str:
    """2026-11-21T12:00:00Z, five minutes later -> 5m; empty for None

    Seconds below two minutes, minutes below two hours, hours below two days.
    """
    if not since:
        return ""
    seconds = max(0, int((now - parse_timestamp(since)).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def plain(text: str) -> str:
    """One line without control characters: what pods and bentos say must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
