"""`kubectl e2i`: shows E2IModels and steers their rollouts, from a person's machine or a CI job.

It writes E2IModels only: their annotations, with `undo` the bento, and with `restore` whole models.
"""

from __future__ import annotations

import click

import e2i
from e2i.cli.lazy import LazyGroup
from e2i.cli.plugin.errors import CommandError

COMPLETE_VARIABLE = "_KUBECTL_E2I_COMPLETE"

_STEERING = ("restart", "retry", "promote", "pause", "resume")
MODULES = {
    **{
        name: f"e2i.cli.plugin.{name}"
        for name in ("status", "history", "undo", "ask", "plan", "doctor", "dashboard", "backup", "restore")
    },
    **dict.fromkeys(_STEERING, "e2i.cli.plugin.steering"),
    **dict.fromkeys(("completion", "complete"), "e2i.cli.plugin.completion"),
}


@click.group(cls=LazyGroup, modules=MODULES, extras=dict.fromkeys(MODULES, "kubectl"), error=CommandError)
@click.version_option(e2i.__version__, prog_name="kubectl-e2i")
def plugin() -> None:
    """Show the releases of a model, steer them, and send requests to it.

    Uses the cluster that kubectl would use. Changes E2IModels only.
    """


def main() -> None:
    """The entry point `kubectl-e2i`; kubectl finds it on PATH as `kubectl e2i`."""
    plugin(prog_name="kubectl e2i", complete_var=COMPLETE_VARIABLE)
