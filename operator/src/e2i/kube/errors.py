"""Errors of this package: `ApiError` for a request, `KubeconfigError` for a kubeconfig that cannot be used."""

from __future__ import annotations

MAX_MESSAGE = 2000
"""Characters of a server's message that are kept."""


class ApiError(Exception):
    """The API server refused the request, or gave no usable answer (`status` 0).

    `reason` is the API's own word (NotFound, Conflict, Forbidden, Invalid, ...). With status 0 it is Unreachable (no
    answer), BadCertificate (one that is not accepted), InvalidResponse (an answer that is not the API's), BadKubeconfig
    or BadCredentials. `message` is the server's sentence without control characters, cut to 2,000 characters.
    `retry_after` is in seconds.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        self.status = status
        self.reason = printable(reason, 100)
        self.message = printable(message, MAX_MESSAGE)
        self.retry_after = retry_after
        super().__init__(f"{status} {self.reason}: {self.message}" if status else self.message)

    @property
    def is_taken(self) -> bool:
        """Whether an object of that name has fields of somebody else, or is there although it must not be.

        Other conflicts (a precondition, a change in the meantime) say only that what was known is out of date.
        """
        applied = self.message.startswith("Apply failed with")
        return self.status == 409 and (self.reason == "AlreadyExists" or applied)

    @property
    def is_of_ending_namespace(self) -> bool:
        """Whether nothing can be created because the namespace is being deleted."""
        return self.status == 403 and "being terminated" in self.message


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; `message` names the file, the value and the next step."""

    def __init__(self, sentence: str) -> None:
        self.message = " ".join(sentence.split())
        super().__init__(self.message)


def printable(text: str, limit: int) -> str:
    """Return `text` with control characters and lone surrogates replaced, and cut to `limit` characters.

    A server's text is shown in logs, events and terminals, and not all of these accept every character.
    """
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in shown)
