"""`kubectl e2i`: looks at E2IModels and steers their rollouts, from a person's machine or a CI job.

It reads, and patches nothing but E2IModels: their annotations, and with `undo` the bento's tag.
"""

from __future__ import annotations

from importlib import import_module

import click

import e2i

COMPLETE_VARIABLE = "_KUBECTL_E2I_COMPLETE"

_COMMANDS = {
    "status": "status",
    "history": "history",
    "undo": "undo",
    "retry": "steering",
    "promote": "steering",
    "pause": "steering",
    "resume": "steering",
    "plan": "plan",
    "ask": "ask",
    "completion": "completion",
    "complete": "completion",
}
"""Which module below this package has which command."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used: help and completion must be quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"e2i.cli.plugin.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=LazyGroup)
@click.version_option(e2i.__version__, prog_name="kubectl-e2i")
def plugin() -> None:
    """See how a model's releases are, and steer them.

    Reads the cluster that kubectl would read. Changes nothing but E2IModels.
    """


def main() -> None:
    """The entry point `kubectl-e2i`; kubectl finds it on PATH as `kubectl e2i`."""
    plugin(prog_name="kubectl e2i", complete_var=COMPLETE_VARIABLE)
