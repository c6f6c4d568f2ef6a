"""How long `make demo` and `make test` take where everything is built: a new cluster, then one that is up already.

The cold time, with nothing downloaded and nothing built, is `make demo` on a fresh machine; its last line says it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import PROJECT, machine, say, table
from benchmarks.goals import FULL, Report, Sizes

E2I = Path(sys.executable).with_name("e2i")


def report(_: Sizes = FULL) -> Report:
    """The section, measured now."""
    with tempfile.TemporaryDirectory(prefix="e2i-bench-") as folder:
        taken_on = machine(Path(folder))
        # A state of its own: a cluster of the user's stays as it is.
        environment = {**os.environ, "XDG_STATE_HOME": folder, "BENTOML_HOME": f"{folder}/bentoml"}
        try:
            rows = [
                ("`make demo`, a new cluster", _seconds(environment, "make", "demo")),
                ("`make demo`, the cluster is up", _seconds(environment, "make", "demo")),
            ]
        finally:
            _run(environment, str(E2I), "local", "reset", "--yes")
        rows.append(("`make test`", _seconds(environment, "make", "test")))
    return Report(
        f"{table(('', 'seconds'), rows)}\n\nAll tools, packages and images' environments were there.\n\n{taken_on}"
    )


def _seconds(environment: dict[str, str], *command: str) -> str:
    started = time.monotonic()
    _run(environment, *command)
    say(f"  {' '.join(command)}")
    return f"{time.monotonic() - started:.0f}"


def _run(environment: dict[str, str], *command: str) -> None:
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise RuntimeError(f"`{' '.join(command)}` ended with exit code {done.returncode}:\n{tail}")
