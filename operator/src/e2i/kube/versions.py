"""Order of resourceVersions: those of the API server are decimal numbers, any other text has no order. Pure."""

from __future__ import annotations


def is_ordered(version: str) -> bool:
    """Return whether the version is a decimal number."""
    return version.isascii() and version.isdecimal()


def is_earlier(first: str, second: str) -> bool:
    """Return whether the first version is certainly the earlier one; False if they have no order."""
    return is_ordered(first) and is_ordered(second) and first != second and later(first, second) == second


def later(first: str, second: str) -> str:
    """Return the later one of two versions; the second one if they have no order."""
    if not (is_ordered(first) and is_ordered(second)):
        return second
    return max(first, second, key=lambda version: (len(version), version))
