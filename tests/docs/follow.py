"""Follow a page by hand, for those who write it: python tests/docs/follow.py PAGE [--home FOLDER] [--from LINE]

Runs the page's commands in a new bash in the current folder and prints each with what it printed, and where that is
not what the page shows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.comparison import differs
from docs.page import steps_of
from docs.shell import SYSTEM_PATH, Shell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--home", default=os.environ["HOME"])
    parser.add_argument(
        "--path", default=SYSTEM_PATH, help="where programs are that the page takes as installed"
    )
    parser.add_argument("--all", action="store_true", help="go on after a step that is wrong")
    parser.add_argument("--from", dest="first", type=int, default=0)
    options = parser.parse_args()
    environment = {**os.environ, "HOME": options.home, "PATH": options.path}
    printed, wrong = "", 0
    with tempfile.TemporaryDirectory() as scratch, Shell(Path.cwd(), environment, Path(scratch)) as shell:
        for step in steps_of(options.page):
            if step.line < options.first:
                continue
            code: int | None = 0
            if step.command is not None:
                print(f"\n{step.line}: $ {step.command}", flush=True)  # noqa: T201
                answer = shell.run(step.command, 900)
                printed, code = answer.printed, answer.code
                print(printed, flush=True)  # noqa: T201
            trouble = (
                differs(step.output, printed) if step.output is not None else code and f"exit code {code}"
            )
            if trouble or code is None:
                wrong += 1
                print(f"!! {step.line}: {trouble}", flush=True)  # noqa: T201
                if not options.all:
                    break
    sys.exit(wrong)


if __name__ == "__main__":
    main()
