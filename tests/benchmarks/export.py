"""Joins the export's own program to the other sections: it runs alone, so that its memory is its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import machine, say
from benchmarks.goals import FULL, Report, Sizes

from e2i.local.toolchain import ensure_tools

PROGRAM = Path(__file__).with_name("bench_export.py")


def report(_: Sizes = FULL) -> Report:
    """The section, measured now."""
    taken_on = machine(Path(tempfile.gettempdir()))
    command = [sys.executable, str(PROGRAM), "--versitygw", str(ensure_tools(say).versitygw)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{PROGRAM.name} ended with exit code {done.returncode}; its words are above")
    return Report(f"{done.stdout.strip()}\n\n{taken_on}")
