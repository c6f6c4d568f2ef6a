"""Headers that checks send, and the values of Secrets in them. Pure.

A value from a Secret is put in just before a request is sent. It is never part of a spec, a status, an event, a log
line or a record.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from e2i.api.fields import FieldInvalid, Fields

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade")
"""Headers that the connection decides."""
_CONFIDENTIAL = re.compile(r"authorization|cookie|token|secret|passw|credential|key", re.IGNORECASE)


class SecretUnusable(ValueError):
    """A Secret has no value for a header. The message is a sentence that names Secret and key, and no value."""


@dataclass(frozen=True, kw_only=True)
class SecretKey:
    """One key of a Secret in the model's namespace."""

    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Header:
    """One header of a check. With a Secret, its value follows after `value`: Bearer, then the token."""

    name: str
    value: str = ""
    secret: SecretKey | None = None

    @property
    def is_confidential(self) -> bool:
        return _CONFIDENTIAL.search(self.name) is not None


def parse_headers(check: Fields) -> tuple[Header, ...]:
    """Parse the headers of a check. FieldInvalid names one that cannot be sent."""
    return tuple(_header(fields) for fields in check.objects("headers"))


def _header(fields: Fields) -> Header:
    name, value = fields.needed_text("name"), fields.text("value")
    if not _NAME.fullmatch(name) or name.lower() in _OURS:
        raise FieldInvalid(f"{fields.place_of('name')} is no header that a check may send: {name[:64]!r}")
    if not _VALUE.fullmatch(value):
        raise FieldInvalid(f"{fields.place_of('value')} has a character that no header may have")
    secret = None
    if "valueFrom" in fields:
        source = fields.inside("valueFrom").needed_inside("secretKeyRef")
        secret = SecretKey(name=source.needed_text("name"), key=source.needed_text("key"))
    return Header(name=name, value=value, secret=secret)


def secret_value(wanted: SecretKey, secret: Mapping[str, Any]) -> str:
    """Return the value from the body of a Secret, without the line break at its end. SecretUnusable if it has none."""
    data = secret.get("data")
    encoded = data.get(wanted.key) if isinstance(data, Mapping) else None
    place = f"key {wanted.key} of Secret {wanted.name}"
    if not isinstance(encoded, str):
        raise SecretUnusable(f"there is no {place}")
    try:
        value = base64.b64decode(encoded, validate=True).decode("ascii").rstrip("\r\n")
    except (binascii.Error, UnicodeDecodeError):
        value = "\n"
    if not value or not _VALUE.fullmatch(value):
        raise SecretUnusable(f"{place} is empty, or has a character that no header may have")
    return value


def with_secrets(headers: Iterable[Header], values: Mapping[SecretKey, str]) -> tuple[Header, ...]:
    """Return the headers as they are sent."""
    return tuple(
        replace(header, value=header.value + values[header.secret], secret=None) if header.secret else header
        for header in headers
    )
