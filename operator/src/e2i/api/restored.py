"""`Restored`: a model's results before its cluster was lost, which `kubectl e2i restore` writes into an annotation.

A status cannot be created together with its object, so the annotation brings what the status had: which release served,
and what became of others. It means only the object that it was created with: one that another tool makes again of it
later has lived on in the meantime. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from e2i.api.conditions import parse_timestamp, timestamp
from e2i.api.fields import FieldInvalid, Fields
from e2i.api.written_status import read_status

RESTORED_ANNOTATION = "serving.e2i.dev/restored"

_NEAR = timedelta(hours=1)
"""Between the note and the creation: clocks of people's machines differ."""
_LISTS: Mapping[str, int] = {"history": 52, "failedReleases": 8}
"""The lists of a status that are brought, with the items that the schema allows."""
_LONGEST = 1024
"""Bytes of a text that is brought: the schema allows no shorter one for messages."""
_SHORT = 63
"""Bytes of the texts that name a release or a trial."""
_RESULTS = ("Serving", "Superseded", "RolledBack", "Failed", "Overtaken")


@dataclass(frozen=True, kw_only=True)
class Restored:
    """The note of one restore."""

    at: datetime
    env: tuple[tuple[str, str], ...] = ()
    """The environment of the release that served: records in the bucket have no values."""
    status: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """`history` and `failedReleases`."""


def encode(note: Restored) -> str:
    """Return the annotation's value."""
    content = {"at": timestamp(note.at), "env": [list(pair) for pair in note.env], **note.status}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def decode(text: str, created: datetime | None) -> Restored | None:
    """Return the note; None if there is none, or if it is of an earlier object. FieldInvalid if it is no note."""
    if not text:
        return None
    place = f"metadata.annotations[{RESTORED_ANNOTATION}]"
    try:
        fields = Fields(json.loads(text), place)
        at = parse_timestamp(fields.needed_text("at"))
        env = tuple((name, value) for name, value in fields.items("env"))
        if not all(type(part) is str for pair in env for part in pair):
            raise TypeError("a variable is no pair of texts")
    except (ValueError, TypeError, RecursionError):
        raise FieldInvalid(
            f"{place} is not a note of kubectl e2i restore; remove the annotation, or restore the model again"
        ) from None
    if created is None or abs(created - at) > _NEAR:
        return None
    status = read_status({name: fields.whole[name] for name in _LISTS if name in fields})
    return Restored(at=at, env=env, status={name: _fitting(name, items) for name, items in status.items()})


def with_restored(status: Mapping[str, Any], note: Restored | None) -> Mapping[str, Any]:
    """Return the status, with the lists of the note as long as it has no results of its own."""
    if note is None or any(status.get(name) for name in _LISTS):
        return status
    return {**status, **note.status}


def _fitting(name: str, items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the items that the schema of the status takes: the API server would refuse the rest with the whole."""
    return [item for item in items if _fits(item)][: _LISTS[name]]


def _fits(item: Mapping[str, Any]) -> bool:
    texts = [value for value in item.values() if isinstance(value, str)]
    short = (item.get(name, "") for name in ("release", "trial"))
    return (
        all(len(text.encode()) <= _LONGEST for text in texts)
        and all(len(text.encode()) <= _SHORT for text in short)
        and item.get("result", _RESULTS[0]) in _RESULTS
    )
