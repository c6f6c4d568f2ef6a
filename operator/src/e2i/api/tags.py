"""Exact bento tags: an E2IModel must name one version, so that a spec always means the same bento. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST_PART = 63

# BentoML's own check ends in `$`, which accepts a trailing newline.
_PART = re.compile(r"[a-z0-9](?:[-._a-z0-9]*[a-z0-9])?\Z")


class TagReason(StrEnum):
    """Why a tag is refused."""

    EMPTY = "TagEmpty"
    WHITE_SPACE = "TagHasWhiteSpace"
    VERSION_MISSING = "TagWithoutVersion"
    LATEST = "TagIsLatest"
    UPPER_CASE = "TagHasUpperCase"
    TOO_LONG = "TagTooLong"
    MALFORMED = "TagMalformed"


class TagRefused(ValueError):
    """The text is not an exact tag. `message` is one sentence that names the text and says how to correct it."""

    def __init__(self, reason: TagReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, order=True)
class Tag:
    """An exact bento or model tag."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


def parse_tag(text: str) -> Tag:
    """Parse an exact tag. TagRefused if the text is not one.

    churn_model:1.4.2 -> Tag("churn_model", "1.4.2")
    """
    name, colon, version = text.partition(":")
    # The first reason that applies is the one to correct first.
    if not text:
        raise _refused(TagReason.EMPTY, text, "is empty: write name:version")
    if any(character.isspace() for character in text):
        raise _refused(TagReason.WHITE_SPACE, text, "has white space or a line break in it: remove that")
    if not colon or not version:
        raise _refused(TagReason.VERSION_MISSING, text, "has no version: write name:version")
    if version.lower() == "latest":
        raise _refused(TagReason.LATEST, text, "moves with every build: write the exact version")
    if text != text.lower():
        raise _refused(TagReason.UPPER_CASE, text, "has upper case: BentoML stores lower case, write that")
    if len(name) > LONGEST_PART or len(version) > LONGEST_PART:
        raise _refused(TagReason.TOO_LONG, text, f"has a part of more than {LONGEST_PART} characters")
    if not (_PART.match(name) and _PART.match(version)):
        raise _refused(
            TagReason.MALFORMED,
            text,
            "is not name:version with a-z, 0-9, '-', '_', '.' inside and a letter or digit at both ends",
        )
    return Tag(name, version)


def _refused(reason: TagReason, text: str, problem: str) -> TagRefused:
    shown = repr(text if len(text) <= 160 else text[:160] + "...")
    return TagRefused(reason, f"The bento tag {shown} {problem}.")
