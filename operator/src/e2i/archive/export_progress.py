"""The input of one attempt to export a bento, and the reports of its progress."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal, Protocol

Step = Literal["read", "uploaded"]
"""An export reads all files once for the digest, then reads them again and uploads them."""


class Progress(Protocol):
    """Called from the thread of the export."""

    def __call__(self, done: int, total: int, step: Step = "uploaded") -> None:
        """Take the bytes done so far and the total."""


def _ignore(done: int, total: int, step: Step = "uploaded") -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Unsettled:
    """The bento is still changing. The next attempt compares its state with this one."""

    state: str | float


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to export a bento."""

    reference: str
    """name:version for a bento of the store, or name:version@sha256:... for an archive of the bucket."""
    namespace: str = ""
    """The namespace that the archive is uploaded for; empty if somebody brings it to the bucket for all."""
    progress: Progress = _ignore
    cancel: threading.Event = field(default_factory=threading.Event)
    wanted: str = ""
    """The digest that the archive of the bento must have to be uploaded; empty for any."""
    seen: Unsettled | None = None
    """The result of the attempt before, if the bento was still changing."""
