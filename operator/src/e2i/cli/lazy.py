"""Groups whose commands are imported when they are used, and the extra that each command needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from typing import Any, TypeVar

import click

T = TypeVar("T")

DISTRIBUTION = "e2i-operator"
OURS = ("e2i", "e2i_bento")
_PACKAGE = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used: help and completion must be quick.

    `modules`: the module of each command, where a function has the command's name. `extras`: the extra that a command
    needs, by the words of the command ("pipeline demo"). `error`: raised when the extra is missing.
    """

    def __init__(
        self,
        *arguments: Any,
        modules: dict[str, str],
        extras: dict[str, str],
        error: type[click.ClickException] = click.ClickException,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._modules = modules
        self._extras = extras
        self._error = error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._modules:
            return None

        def load() -> click.Command:
            command: click.Command = getattr(import_module(self._modules[cmd_name]), cmd_name)
            return command

        return self._naming_extra([cmd_name], load)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; if a package is missing, name the extra that has it."""
        words = [*ctx._protected_args, *ctx.args]
        return self._naming_extra(words, lambda: super(LazyGroup, self).invoke(ctx))

    def _naming_extra(self, words: list[str], run: Callable[[], T]) -> T:
        try:
            return run()
        except ModuleNotFoundError as error:
            extra = self._extras.get(" ".join(words[:2])) or self._extras[words[0]]
            missing = (error.name or "").partition(".")[0]
            # A missing module of our own, or with all packages of the extra installed, is a bug: show the traceback.
            if missing in OURS or not any(missing_packages(extra)):
                raise
            raise self._error(
                f"This command needs the Python package {missing}, which is not installed: "
                f"pip install '{DISTRIBUTION}[{extra}]'."
            ) from error


def missing_packages(extras: str) -> Iterator[str]:
    """Yield the packages of `extras` (`pipeline,local`) that are not installed.

    In the metadata of the distribution, an extra also has the packages of the extras that it includes.
    """
    chosen = extras.split(",")
    for requirement in metadata.requires(DISTRIBUTION) or ():
        marker, package = _EXTRA.search(requirement), _PACKAGE.match(requirement)
        if marker and package and marker[1] in chosen and not _is_installed(package[0]):
            yield package[0]


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
