"""Finds where objects of the operator remember a word, such as the name or the uid of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DEPTH = 6


def places(subject: object, word: str, where: str = "", depth: int = DEPTH) -> Iterator[str]:
    """Yield the attributes, below `subject`, of dictionaries, sets and lists of the operator that hold the word."""
    if isinstance(subject, str):
        if word == subject:
            yield where
    elif isinstance(subject, Mapping):
        for key, value in list(subject.items()):
            yield from places(key, word, where, depth - 1)
            yield from places(value, word, where, depth - 1)
    elif isinstance(subject, tuple | list | set | frozenset):
        for each in list(subject):
            yield from places(each, word, where, depth - 1)
    elif depth and type(subject).__module__.startswith("e2i.controller."):
        attributes: dict[str, Any] = getattr(subject, "__dict__", {})
        for name, value in attributes.items():
            yield from places(value, word, f"{where}.{name}".lstrip("."), depth - 1)
