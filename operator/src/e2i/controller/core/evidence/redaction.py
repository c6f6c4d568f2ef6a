"""Masks secrets in untrusted texts (logs, answers, error messages) before a status shows them. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

MASK = "***"
SHORTEST = 4
"""Shorter known values are not masked: they would be found inside ordinary words."""

_VALUE = r"""(\\"[^"\\\n]*(?:\\")?|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|[^\s"',;&{}\[\]()<>]+)"""
_NAMES = (
    "password|passwd|passphrase|secret|token|credentials?|signature|sig"
    "|aws_?access_?key_?id|(?:api|access|secret|private|account|signing|encryption)[_-]?key"
)
_PATTERNS = (
    # A private key in PEM form, whole or without its end.
    (re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.S), MASK),
    (re.compile(r"(://[^\s/:@]*:)[^\s/]+@"), rf"\1{MASK}@"),
    (re.compile(r"\b(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]*\.?[\w-]*"), MASK),
    (re.compile(r"\b(?:gh[opsur]_|github_pat_|glpat-|xox[abprs]-|hf_|sk-|AIza)[\w-]{16,}"), MASK),
    # The scheme stays. A scheme before a mask shows that the text was already masked.
    (
        re.compile(r"(?i)(authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:\w+[ \t]+)?)[\w.~+/=-]{4,}+(?!\s\*)"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}"), rf"\1{MASK}"),
    # name=value and "name": "value", in logs, JSON, environments and the queries of signed URLs.
    # A name may have a prefix (DB_PASSWORD), but no suffix (tokenizer, tokens).
    (re.compile(rf"(?i)((?:{_NAMES})\\?[\"']?\s{{0,4}}[:=]\s{{0,4}}){_VALUE}"), rf"\1{MASK}"),
)


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Return the text with `***` in place of every known value and of everything that looks like a secret.

    `secrets` are values of the release's environment and Secrets; they are also found as URLs and JSON write them.
    Redact before a text is cut: half of a known value is not recognised.
    """
    for value in sorted(_forms(secrets), key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _forms(secrets: tuple[str, ...]) -> set[str]:
    """Return every form in which the values may be written; each line of a longer value by itself."""
    return {
        form
        for value in _lines(secrets)
        for form in (value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1])
    }


def _lines(secrets: tuple[str, ...]) -> Iterator[str]:
    for secret in secrets:
        for line in secret.splitlines():
            if len(line.strip()) >= SHORTEST:
                yield line.strip()
