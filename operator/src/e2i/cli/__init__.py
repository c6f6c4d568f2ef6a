"""The command `e2i`."""

from __future__ import annotations

from importlib import import_module

import click

import e2i

_COMMANDS = {
    "demo": "e2i.cli.demo",
    "local": "e2i.cli.local",
    "manifest": "e2i.cli.manifest",
    "package": "e2i.cli.package",
    "pipeline": "e2i.cli.pipeline",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used, so that `e2i --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name]), cmd_name)
        return command


@click.group(cls=LazyGroup)
@click.version_option(e2i.__version__, prog_name="e2i")
def main() -> None:
    """Deploy BentoML models on Kubernetes with one manifest each."""
