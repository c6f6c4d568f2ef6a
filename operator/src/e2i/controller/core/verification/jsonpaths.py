"""JSON paths (RFC 9535) of keys, indices and `*`, without filters and search. Pure.

So no path takes longer than one walk through the answer.
"""

from __future__ import annotations

import re

from e2i.controller.core.verification.jsontext import Value, place_of

ALLOWED = re.compile(
    r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|-?[1-9][0-9]{0,5}|\*|'[^'\\\x00-\x1f]*')\])*", re.ASCII
)
"""A subset of RFC 9535."""


class PathInvalid(ValueError):
    """The text is not such a path. The message is a clause that says what is wrong."""


def check_path(text: str) -> str:
    """Return the path. PathInvalid if it is not allowed."""
    if ALLOWED.fullmatch(text) is None:
        raise PathInvalid("only keys, indices and [*] can be asked for, for instance $.items[*].value")
    return text


def find(path: str, value: Value) -> list[tuple[str, Value]]:
    """Return (place, value) of everything that a checked path finds, in the order of the document."""
    # Here, because it needs 6 MiB, and most models have no path.
    import jsonpath

    # The library would parse a str as a document, and accepts no other plain values.
    if not isinstance(value, list | dict):
        return [("$", value)] if path == "$" else []
    return [(place_of(match.parts), match.obj) for match in jsonpath.finditer(path, value)]
