"""Excerpts of untrusted texts for messages: one line, bounded, without secrets. Pure."""

from __future__ import annotations

import json

from e2i.controller.core.evidence.redaction import redact

_MARGIN = 64
"""Longer than an access key, whose first half alone would not be recognised."""


def excerpt(text: str, limit: int, secrets: tuple[str, ...] = ()) -> str:
    """Return the beginning of the text on one line, at most `limit` printable characters, without secrets.

    Secrets are masked before the text is cut. Only the beginning is read, so that a huge text costs no more than a
    long one; its end is dropped, because it could be half of a secret.
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
    """Return the secrets as they look inside a JSON string, with and without escapes of other than ASCII."""
    return tuple(
        json.dumps(secret, ensure_ascii=plain)[1:-1] for secret in secrets for plain in (True, False)
    )
