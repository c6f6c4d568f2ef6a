"""Errors of the commands: one sentence each, with the cause and the next step."""

from __future__ import annotations

import click

from e2i.cli.plugin.output import printable

ERROR = 2
"""Exit code of errors; 1 says that `plan` found a change, as with `kubectl diff`."""
MANAGED_ELSEWHERE = 3
"""Exit code of `undo` if the change must be made in Git."""


class CommandError(click.ClickException):
    """Ends the command with one line on stderr."""

    exit_code = ERROR

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def explained_error(status: int, reason: str, message: str) -> CommandError:
    """Return the CommandError that explains an answer of the API server, or its silence (`status` 0)."""
    # The API client takes half a second to import: commands that never call it must not pay for it.
    from e2i.kube.explain import explain

    return CommandError(explain(status, reason, message))
