"""The callback by which an export reports its progress."""

from __future__ import annotations

from typing import Literal, Protocol

Step = Literal["read", "uploaded"]
"""An export reads all files once for the digest, then reads them again and uploads them."""


class Progress(Protocol):
    """Called from the thread of the export."""

    def __call__(self, done: int, total: int, step: Step = "uploaded") -> None:
        """Take the bytes done so far and the total."""
