"""Runs pytest in lanes, and once more, alone, what failed there.

python -m support.run_again [OPTION ...]

Three lanes share two cores, so a test may meet a moment that it did not expect. One that fails alone too fails the run.
One that passes alone is named at the end: it has a race, which somebody has to find. More than MOST at once are no
accident and fail the run (docs/decisions/0057-failed-tests-run-again-alone.md).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MOST = 5
TESTS_FAILED = 1
"""pytest's exit code."""
ALONE = ("--numprocesses=0", "--last-failed", "--last-failed-no-failures=none")


def run(options: Sequence[str], folder: Path) -> int:
    """Run the tests of the folder; return pytest's exit code, 0 if what failed at first passed alone."""
    # What earlier runs left is forgotten: it may not be in this one.
    failed_before = _run([*options, "--cache-clear"], folder)
    if failed_before != TESTS_FAILED:
        return failed_before
    failed = _failed(folder)
    if not 0 < len(failed) <= MOST:
        return failed_before
    _say(f"{len(failed)} failed beside others, and run again alone: {', '.join(failed)}")
    failed_alone = _run([*options, *ALONE], folder)
    if failed_alone == 0:
        _say(f"passed only alone, so look for the race: {', '.join(failed)}")
    return failed_alone


def _run(options: Sequence[str], folder: Path) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, check=False).returncode


def _failed(folder: Path) -> list[str]:
    """Return what pytest remembers of its last run; nothing if it collected nothing."""
    try:
        return sorted(json.loads((folder / ".pytest_cache/v/cache/lastfailed").read_text()))
    except (OSError, ValueError):
        return []


def _say(line: str) -> None:
    sys.stdout.write(f"\n== {line}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], Path.cwd()))
