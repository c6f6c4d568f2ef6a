"""What can go wrong outside this program, each in one sentence: what it is, and what to do next."""

from __future__ import annotations

import click

ERROR = 2
"""Exit code; 1 is what `plan` says a change with, as `kubectl diff` does."""
MANAGED_ELSEWHERE = 3
"""Exit code of `undo` when the change belongs into Git."""


class Fault(click.ClickException):
    """Ends the command with one line on stderr."""

    exit_code = ERROR

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.split()))


def api_fault(status: int, reason: str, message: str) -> Fault:
    """The API server's refusal, or its silence (`status` 0), in words for a person."""
    words = message.strip().rstrip(".")
    match status:
        case 0 if reason == "Unreachable":
            return Fault(f"{words}. Is the cluster up? Choose another one with --context or --kubeconfig.")
        case 0:
            return Fault(f"{words}.")
        case 401:
            return Fault(
                f"The API server does not accept your credentials ({words}). Log in again, or choose another "
                "context with --context."
            )
        case 403:
            return Fault(f"{words}. Ask for a role that allows it.")
        case 404 if reason != "NotFound" or "could not find the requested resource" in words:
            return Fault(
                "This cluster does not know E2IModels: their CRD is not installed. Install the operator "
                "(docs/howto/install.md), or choose another cluster with --context."
            )
        case 409:
            return Fault(f"{words}. Somebody changed it in the meantime: run the command again.")
        case 429:
            return Fault(f"The API server is busy ({words}). Run the command again in a moment.")
        case _:
            return Fault(f"The API server refused: {words}.")
