"""What can go wrong outside this program, each in one sentence: what it is, and what to do next."""

from __future__ import annotations

import click

from e2i.cli.plugin.output import printable

ERROR = 2
"""Exit code; 1 is what `plan` says a change with, as `kubectl diff` does."""
MANAGED_ELSEWHERE = 3
"""Exit code of `undo` when the change belongs into Git."""


class CommandError(click.ClickException):
    """Ends the command with one line on stderr."""

    exit_code = ERROR

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


def explained_error(status: int, reason: str, message: str) -> CommandError:
    """The API server's refusal, or its silence (`status` 0), in words for a person."""
    # The API client takes half a second to import, and whoever has an answer to explain has imported it.
    from e2i.kube.explain import explain

    return CommandError(explain(status, reason, message))
