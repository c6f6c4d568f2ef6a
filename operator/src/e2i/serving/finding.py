"""Finds the bento that a source means, and has it made when there is none yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2i.serving.faults import ModelNotFound
from e2i.serving.manifest import Deployable
from e2i.serving.sources import Source, Stored
from e2i.serving.stored import find_deployable

Say = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """A bento of the store, and whether it was packaged just now."""

    bento: Deployable
    packaged: bool


async def find(source: Source, store: Path, say: Say) -> Found:
    """The bento to release; ModelNotFound or PackagingRefused when there is none and none can be made."""
    if isinstance(source, Stored):
        bento = await asyncio.to_thread(find_deployable, store, source.tag)
        if bento:
            return Found(bento, packaged=False)
    raise ModelNotFound(f"The store {store} has no {source}.")
