"""Starts the operator's process: `python -m e2i.controller`, with the options of `kopf run`.

kopf imports the package `kubernetes` if it is installed, to recognise its objects and to log in by it. That is 28 MiB
and 0.2 s of CPU for nothing: the operator has handlers of neither kind, and reads its service account by itself. So
kopf does not find the package. Where a kubeconfig is to be read, it is imported after that.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

HANDLERS = "e2i.controller.main"


def kopf_command() -> Callable[..., Any]:
    """Import kopf's command line and the operator's handlers. Return the command line."""
    # To an import, a module that is None is missing.
    sys.modules["kubernetes"] = None  # type: ignore[assignment]
    try:
        from kopf.cli import main

        # kopf asks for the package once more at the first handler.
        importlib.import_module(HANDLERS)
    finally:
        del sys.modules["kubernetes"]
    return main


def kopf_arguments(options: Sequence[str]) -> list[str]:
    """Return the arguments of kopf's command for these options.

    kopf watches nothing here, so its namespaces mean nothing, but without any it warns. E2I_NAMESPACES is for ours.
    """
    return ["run", f"--module={HANDLERS}", "--standalone", "--all-namespaces", *options]


if __name__ == "__main__":
    kopf_command()(kopf_arguments(sys.argv[1:]), prog_name="e2i.controller")
