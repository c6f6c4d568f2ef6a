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
_EXTRAS = {
    "pipeline": {"evidently", "mlflow", "pandas", "ruamel", "sklearn"},
    "local": {"cryptography"},
}
"""Extras of this distribution, with modules that only they bring."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used, so that `e2i --help` is quick."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what the operator's image leaves out is named as the extra that brings it."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            for extra, modules in _EXTRAS.items():
                if missing in modules:
                    raise click.ClickException(
                        f"This command needs the Python package {missing}, which is not installed: "
                        f"pip install 'e2i-operator[{extra}]'."
                    ) from error
            raise

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
