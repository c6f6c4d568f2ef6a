"""`python tests/benchmarks/bench.py [SECTION ...]`: measures what docs/reference/benchmarks.md reports.

Every section starts what it needs and leaves nothing behind. If one fails the others follow, and it can be run alone.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

# Run as a file: the folder above holds the packages `benchmarks` and `support`.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import page
from benchmarks.figures import say, table
from benchmarks.goals import FULL, SMALL, Report, Sizes

SECTIONS = tuple(page.TITLES)
DEFAULT = ("latency", "burst", "waiting", "fleet", "failing", "requests", "export")


def main() -> int:
    arguments = _arguments()
    goals: list[tuple[str, ...]] = []
    failed = []
    for name in arguments.sections or DEFAULT:
        report = _measured(name, SMALL if arguments.small else FULL)
        if report is None:
            failed.append(name)
            continue
        goals += page.rows(name, report)
        if arguments.write:
            page.write(name, report)
    if goals:
        say(table(page.HEADER, goals, words=len(page.HEADER)))
    if failed:
        write = " --write" if arguments.write else ""
        say(
            f"\nNot measured: {', '.join(failed)}. Again: tests/benchmarks/bench.py{write} {' '.join(failed)}"
        )
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {page.NAME}")
    parser.add_argument("--small", action="store_true", help="few models, to try the benchmarks themselves")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    if arguments.small and arguments.write:
        parser.error("figures of --small are not written")
    return arguments


def _measured(name: str, sizes: Sizes) -> Report | None:
    """Measure one section and show it; None if that failed."""
    say(f"measuring {name}")
    started = time.monotonic()
    try:
        report: Report = importlib.import_module(f"benchmarks.{page.MODULES[name]}").report(sizes)
    except Exception:
        # The other sections take minutes each: they go on, and the last line says how to repeat this one.
        traceback.print_exc()
        return None
    say(f"\n{page.section(name, report)}\n\n({name} took {time.monotonic() - started:.0f} s)\n")
    return report


if __name__ == "__main__":
    sys.exit(main())
