"""Output formats: tables, ages, colours, JSON and YAML, and text that is safe on a terminal."""

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
    """Return `value` as JSON or YAML, with its keys in their own order."""
    return as_json(value, indent=2) if form == "json" else as_yaml(value).rstrip("\n")


def as_json(value: Value, indent: int | None = None) -> str:
    """Return `value` as JSON; characters that would steer a terminal are written as \\u escapes."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def as_yaml(value: Value) -> str:
    """Return `value` as YAML; characters that would steer a terminal are written as escapes."""
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    if all(c.isprintable() or c == "\n" for c in text):
        return text
    escaped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=1000)
    return escaped


def wants_colour(stream: Any) -> bool:
    """Whether to write colours: on a terminal that is not dumb, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def coloured(text: str, tone: str, colour: bool) -> str:
    """Return `text` in the colour of its tone (good, bad, busy, faint); any other tone has no colour."""
    return click.style(text, fg=_COLOURS[tone]) if colour and tone in _COLOURS else text


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: columns three spaces apart, no blanks at the ends."""
    lines = [list(head), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def age(since: str | None, now: datetime) -> str:
    """Return the age: 2026-11-21T12:00:00Z, five minutes later -> 5m; empty for None, ? for an impossible time

    In seconds below two minutes, in minutes below two hours, in hours below two days.
    """
    if not since:
        return ""
    try:
        moment = parse_timestamp(since)
    except ValueError:
        return "?"
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def printable(text: str) -> str:
    """Return `text` as one line without control characters: text of pods and bentos must not steer a terminal."""
    return visible(" ".join(text.split()))


def visible(line: str) -> str:
    """Return `line` with a blank in place of each control character."""
    return "".join(character if character.isprintable() else " " for character in line)
