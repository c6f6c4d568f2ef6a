"""The beginning of a text of others, fit to stand in a message: one line, bounded, without secrets. Pure."""

from __future__ import annotations

import json

from e2i.controller.core.evidence.redaction import redact

_MARGIN = 64
"""Longer than an access key, whose first half alone would not be recognised."""


def excerpt(text: str, limit: int, secrets: tuple[str, ...] = ()) -> str:
    """At most `limit` printable characters.

    What is cut off is cut off after the secrets were hidden. Only the beginning is looked at, so that a huge text
    costs no more than a long one; what might be half a secret at the end of it is dropped.
    """
    forms = (*secrets, *_as_json(secrets))
    margin = max((_MARGIN, *map(len, forms)))
    window = text[: 8 * limit + 2 * margin]
    hidden = redact(window, forms)
    if len(window) < len(text):
        hidden = hidden[:-margin]
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in hidden).split())
    return line if len(line) <= limit and len(window) == len(text) else f"{line[: limit - 1]}…"


def _as_json(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The secrets as they look inside a JSON string, with and without escapes for what is not ASCII."""
    return tuple(
        json.dumps(secret, ensure_ascii=plain)[1:-1] for secret in secrets for plain in (True, False)
    )
