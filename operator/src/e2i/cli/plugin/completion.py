"""Shell completion: of `kubectl-e2i` by click's scripts, of `kubectl e2i` by a program that kubectl runs."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from e2i.cli.plugin.errors import CommandError

_NO_FILES, _FILES = ":4", ":0"
"""Directives to kubectl: offer no names of files, or offer them as well."""

_HOOK = """\
#!/bin/sh
# kubectl runs this program, kubectl_complete-e2i, to complete `kubectl e2i`.
exec kubectl-e2i complete -- "$@"
"""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "kubectl"]))
def completion(shell: str) -> None:
    """Print a completion script.

    For bash, zsh and fish it completes `kubectl-e2i`. The one for kubectl completes `kubectl e2i`, once it lies
    on PATH as an executable file called kubectl_complete-e2i.
    """
    if shell == "kubectl":
        click.echo(_HOOK, nl=False)
        return
    from e2i.cli.plugin import COMPLETE_VARIABLE, plugin

    found = get_completion_class(shell)
    if found is None:
        raise CommandError(f"Completion for {shell} does not exist.")
    click.echo(found(plugin, {}, "kubectl-e2i", COMPLETE_VARIABLE).source())


@click.command(hidden=True, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def complete(words: tuple[str, ...]) -> None:
    """Print completions for kubectl. WORDS are the words after `kubectl e2i`; the last one is incomplete."""
    from e2i.cli.plugin import COMPLETE_VARIABLE, plugin

    shell = ShellComplete(plugin, {}, "kubectl-e2i", COMPLETE_VARIABLE)
    found = shell.get_completions(list(words[:-1]), words[-1] if words else "")
    directive = _FILES if any(item.type in ("file", "dir") for item in found) else _NO_FILES
    for item in found:
        if item.type == "plain":
            click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(directive)
