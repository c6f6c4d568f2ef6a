"""Reads from a BentoML store what a bento says of itself: its kind, and the golden predictions of its models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from e2i.core.failures import BentoNotFound, ExportFailure
from e2i.core.tags import Tag
from e2i.edge.bentos import find_bento
from e2i.serving.faults import PackagingRefused
from e2i.serving.manifest import Deployable

TYPE_LABEL = "e2i.dev/type"
TYPES = ("Classification", "Regression", "Causal")


def find_deployable(store: Path, tag: Tag) -> Deployable | None:
    """The bento of exactly this tag, None when there is none; PackagingRefused when it cannot be released.

    Blocking, for a thread; reads descriptions only.
    """
    try:
        bento = find_bento(store, tag)
    except BentoNotFound:
        return None
    except ExportFailure as failure:
        raise PackagingRefused(failure.message, failure.reason) from failure
    return Deployable(tag=str(tag), type=_labelled_type(bento.path))


def _labelled_type(bento: Path) -> str | None:
    """classification -> Classification; None without a label that means one."""
    description: dict[str, Any] = yaml.safe_load((bento / "bento.yaml").read_text())
    label = str((description.get("labels") or {}).get(TYPE_LABEL, "")).capitalize()
    return label if label in TYPES else None
