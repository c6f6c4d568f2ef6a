"""docs/reference/benchmarks.md: one section for each benchmark, each with its own date; others stay as they are."""

from __future__ import annotations

import datetime
import re

from benchmarks.figures import PROJECT

NAME = "docs/reference/benchmarks.md"
MODULES = {
    "export": "export",
    "latency": "latency",
    "scale": "scale",
    "requests": "lifecycle",
    "client": "api_client",
    "demo": "commands",
    "releases": "releases",
    "bentos": "bentos",
}
TITLES = {
    "export": "Export of a bento to S3",
    "latency": "From a model to its children",
    "scale": "Thousands of models",
    "requests": "Requests, memory and CPU",
    "client": "API client",
    "demo": "Commands",
    "releases": "Releases under load",
    "bentos": "Packaged models",
}
INTRODUCTION = """# Benchmarks

<!-- Written by tests/benchmarks/bench.py --write; run it again instead of editing. -->

Measured by `make bench`; one section alone by `.venv/bin/python tests/benchmarks/bench.py latency`. Times depend on the
machine, so read the ratios. Every section names the day, the machine and the commit it was measured on."""


def section(name: str, text: str) -> str:
    today = datetime.date.today()  # noqa: DTZ011 - the day where the reader sits
    return f"## {TITLES[name]}\n\n{text}\n\nMeasured on {today.isoformat()} by `bench.py {name}`."


def write(name: str, text: str) -> None:
    """Put one section into the page, in the order of TITLES."""
    file = PROJECT / NAME
    old = file.read_text() if file.exists() else ""
    parts = {
        part.split("\n", 1)[0]: part.rstrip() for part in re.split(r"^(?=## )", old, flags=re.MULTILINE)[1:]
    }
    parts[f"## {TITLES[name]}"] = text
    ordered = [parts[f"## {title}"] for title in TITLES.values() if f"## {title}" in parts]
    file.write_text("\n\n".join((INTRODUCTION, *ordered)) + "\n")
