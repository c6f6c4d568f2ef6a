"""docs/reference/benchmarks.md: one section for each benchmark, each with its own date; others stay as they are.

It begins with a table of all goals. A section that is measured again replaces its own rows of it.
"""

from __future__ import annotations

import datetime
import re

from benchmarks.figures import PROJECT, table
from benchmarks.goals import Report

NAME = "docs/reference/benchmarks.md"
MODULES = {
    "latency": "latency",
    "burst": "burst",
    "waiting": "waiting",
    "fleet": "thousands",
    "failing": "failing",
    "requests": "lifecycle",
    "export": "export",
    "client": "api_client",
    "calls": "client",
    "gateway": "gateway",
    "demo": "commands",
    "releases": "releases",
    "bentos": "bentos",
}
TITLES = {
    "latency": "From a model to its children",
    "burst": "Many models at once",
    "waiting": "What a model costs",
    "fleet": "Thousands of models",
    "failing": "Models that fail",
    "requests": "Requests in the life of a model",
    "export": "Export of a bento to S3",
    "client": "API client",
    "calls": "Calls of a model",
    "gateway": "The gateway",
    "demo": "Commands",
    "releases": "Releases under load",
    "bentos": "Packaged models",
}
GOALS = "Goals"
HEADER = ("section", "goal", "measured", "reached")
INTRODUCTION = """# Benchmarks

<!-- Written by tests/benchmarks/bench.py --write; run it again instead of editing. -->

Measured by `make bench`; one section alone by `.venv/bin/python tests/benchmarks/bench.py latency`. Times depend on the
machine, so read the ratios. Every section names the day, the machine and the commit it was measured on.

The operator is compared with F0, a client that writes the children of a model and does nothing else, and with a plain
operator in Go ([source](../../tests/benchmarks/go_operator/controller.go): client-go, informers, ten workers). All of
them run alone, in turn, on the same API server and the same cores."""


def section(name: str, report: Report) -> str:
    today = datetime.date.today()  # noqa: DTZ011 - the day where the reader sits
    return f"## {TITLES[name]}\n\n{report.text}\n\nMeasured on {today.isoformat()} by `bench.py {name}`."


def rows(name: str, report: Report) -> list[tuple[str, ...]]:
    """The section's rows of the table of goals."""
    return [(name, *goal.row) for goal in report.goals]


def write(name: str, report: Report) -> None:
    """Put one section and its goals into the page, in the order of TITLES."""
    file = PROJECT / NAME
    file.write_text(merged(file.read_text() if file.exists() else "", name, report))


def merged(old: str, name: str, report: Report) -> str:
    """Return the page with this section instead of its earlier one."""
    parts = {
        part.split("\n", 1)[0]: part.rstrip() for part in re.split(r"^(?=## )", old, flags=re.MULTILINE)[1:]
    }
    goals = _rows_by_section(parts.get(f"## {GOALS}", "")) | {name: rows(name, report)}
    told = [row for each in TITLES for row in goals.get(each, ())]
    parts[f"## {GOALS}"] = f"## {GOALS}\n\n{table(HEADER, told, words=len(HEADER))}"
    parts[f"## {TITLES[name]}"] = section(name, report)
    ordered = [parts[f"## {title}"] for title in (GOALS, *TITLES.values()) if f"## {title}" in parts]
    return "\n\n".join((INTRODUCTION, *ordered)) + "\n"


def _rows_by_section(text: str) -> dict[str, list[tuple[str, ...]]]:
    """The rows of the table of goals as the page has them."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in line.strip("| ").split(" | "))
        if len(cells) == len(HEADER) and cells[0] in TITLES:
            found.setdefault(cells[0], []).append(cells)
    return found
