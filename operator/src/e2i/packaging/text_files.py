"""Reads text files that people write, in the encodings in which their tools save them."""

from __future__ import annotations

import codecs
from pathlib import Path

from e2i.packaging.errors import ErrorReason, PackagingError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16: its mark begins like that one's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text that starts with these bytes: by its byte order mark, else UTF-8.

    ASCII text in UTF-16 without a mark is recognised by its zero bytes.
    """
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if len(start) > 1 and 0 in start[:2]:
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    return "utf-8"


def read_text(file: Path) -> str:
    """Return the text of `file` in UTF-8, UTF-16 or UTF-32; PackagingError if it is in none of them."""
    content = file.read_bytes()
    try:
        return content.decode(encoding_of(content[:4]))
    except UnicodeDecodeError as error:
        raise PackagingError(
            ErrorReason.FileUnreadable,
            f"{file} is not a text in UTF-8 or UTF-16 (byte {error.start} is {content[error.start]:#04x}). "
            "Save it as UTF-8; in PowerShell: pip freeze | Out-File -Encoding utf8 requirements.txt",
        ) from error
