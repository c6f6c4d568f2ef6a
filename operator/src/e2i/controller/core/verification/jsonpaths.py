"""JSON paths (RFC 9535) to fixed places: keys, indices and `*`, no filters and no search. Pure.

So a path takes no longer than one walk through the answer, whoever wrote it.
"""

from __future__ import annotations

import re

import jsonpath

from e2i.controller.core.verification.jsontext import Value, place_of

ALLOWED = re.compile(
    r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|-?[1-9][0-9]{0,5}|\*|'[^'\\\x00-\x1f]*')\])*", re.ASCII
)
"""A part of RFC 9535: whatever matches is valid there."""


class PathInvalid(ValueError):
    """The text is no such path; the message is a clause that says what is wrong."""


def check_path(text: str) -> str:
    """The path itself; raises PathInvalid."""
    if ALLOWED.fullmatch(text) is None:
        raise PathInvalid("only keys, indices and [*] can be asked for, for instance $.items[*].value")
    return text


def find(path: str, value: Value) -> list[tuple[str, Value]]:
    """(place, value) of everything that a checked path leads to, in the order of the document."""
    # The library reads a str as a document to be parsed, and other plain values as none at all.
    if not isinstance(value, list | dict):
        return [("$", value)] if path == "$" else []
    return [(place_of(match.parts), match.obj) for match in jsonpath.finditer(path, value)]
