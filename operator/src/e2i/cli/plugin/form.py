"""The body of a form, as browsers and `curl -F` send it: for models that take files."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from e2i.cli.plugin.errors import CommandError

_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""What would end a name in the head of a part, as the HTML standard writes it."""


@dataclass(frozen=True)
class Field:
    """One field of a form; a file has its name and its kind."""

    name: str
    value: bytes
    file_name: str | None = None
    kind: str | None = None


def read_field(given: str) -> Field:
    """Return the field of FIELD=TEXT, FIELD=@FILE or FIELD=@FILE;type=KIND; CommandError if it is none."""
    name, equals, value = given.partition("=")
    if not (name and equals):
        raise CommandError(f"-F {given} is not valid: write FIELD=TEXT, or FIELD=@FILE for a file.")
    if not value.startswith("@"):
        return Field(name, value.encode())
    path, _, kind = value[1:].partition(";type=")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error
    kind = kind or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Field(name, content, Path(path).name, kind)


def encoded(fields: Sequence[Field]) -> tuple[bytes, str]:
    """Return the body with all fields, and its content type."""
    boundary = f"e2i-{uuid.uuid4().hex}"
    parts = b"".join(
        f"--{boundary}\r\n{_head(field)}\r\n\r\n".encode() + field.value + b"\r\n" for field in fields
    )
    return parts + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _head(field: Field) -> str:
    head = f'Content-Disposition: form-data; name="{field.name.translate(_ESCAPED)}"'
    if field.file_name is None:
        return head
    return f'{head}; filename="{field.file_name.translate(_ESCAPED)}"\r\nContent-Type: {field.kind}'
