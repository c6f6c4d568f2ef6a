"""Cleans texts of others, where they enter: what is written and shown later is valid whatever they contain. Pure."""

from __future__ import annotations

_ELLIPSIS = "…"
_SEEN = 4
"""How many times the length that is kept is read: white space is folded, and the rest of a huge text costs nothing."""


def clean(text: str, most: int) -> str:
    """Return the text on one line of printable characters, cut to `most` bytes of UTF-8. Its beginning is kept.

    Control characters, surrogates and marks that steer a terminal become blanks.
    """
    line = " ".join(printable(text[: _SEEN * most]).split())
    return cut(line if len(text) <= _SEEN * most else line + _ELLIPSIS, most)


def printable(text: str) -> str:
    """Return the text with a blank in place of each character that is not printable."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def cut(text: str, most: int) -> str:
    """Return the beginning of the text, at most `most` bytes of UTF-8. It ends in … if it was cut."""
    if len(text) * 4 <= most or len(encoded := text.encode(errors="replace")) <= most:
        return text
    return encoded[: most - len(_ELLIPSIS.encode())].decode(errors="ignore") + _ELLIPSIS
