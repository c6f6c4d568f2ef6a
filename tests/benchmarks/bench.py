"""`python tests/benchmarks/bench.py [SECTION ...]`: measures what docs/reference/benchmarks.md reports.

Every section starts what it needs and leaves nothing behind.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

# Run as a file: the folder above holds the packages `benchmarks` and `support`.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import page
from benchmarks.figures import say

SECTIONS = ("export", "latency", "scale", "requests", "client", "demo", "releases", "bentos")
DEFAULT = ("export", "latency", "scale", "requests", "client")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {page.NAME}")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}: choose from {', '.join(SECTIONS)}")
    for name in arguments.sections or DEFAULT:
        say(f"measuring {name}")
        started = time.monotonic()
        section = importlib.import_module(f"benchmarks.{page.MODULES[name]}")
        text = page.section(name, section.report())
        say(f"\n{text}\n\n({name} took {time.monotonic() - started:.0f} s)\n")
        if arguments.write:
            page.write(name, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
