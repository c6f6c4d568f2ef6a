"""How an export tells its progress."""

from __future__ import annotations

from typing import Literal, Protocol

Step = Literal["read", "uploaded"]
"""All files are read once for the digest, then read again and uploaded."""


class Progress(Protocol):
    """Called from the thread of the export."""

    def __call__(self, done: int, total: int, step: Step = "uploaded") -> None:
        """Take the bytes done so far and the bytes in all."""
