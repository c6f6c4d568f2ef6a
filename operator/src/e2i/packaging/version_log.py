"""Keeps versions.jsonl, the content of each version, so that no version ever stands for two contents.

One line for each version, appended; to be committed, so that a colleague's store knows it too.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from e2i.packaging.errors import ErrorReason, PackagingError

VERSION_LOG = "versions.jsonl"


def read_digests(ledger: Path) -> dict[str, str]:
    """Return the digest of each tag in the ledger; empty when there is none yet, PackagingError if it is damaged."""
    digests: dict[str, str] = {}
    if not ledger.exists():
        return digests
    for number, line in enumerate(ledger.read_text().splitlines(), 1):
        try:
            entry = json.loads(line) if line.strip() else None
            if entry is not None:
                digests[str(entry["tag"])] = str(entry["digest"])
        except (ValueError, KeyError, TypeError) as error:
            raise PackagingError(
                ErrorReason.FileUnreadable,
                f"Line {number} of {ledger} is damaged, so it is not known which versions exist. Restore it from Git.",
            ) from error
    return digests


def check_version_unused(tag: str, digest: str, known: Mapping[str, str], where: str) -> None:
    """Raise PackagingError if `tag` stands for another content already."""
    other = known.get(tag, digest)
    if other != digest:
        raise PackagingError(
            ErrorReason.VersionReused,
            f"{tag} is {other} in {where}, and what is packaged now is {digest}. A version means one content for "
            "ever: give the next version, or `--version time`.",
        )


def record_version(ledger: Path, tag: str, digest: str, made: str) -> None:
    """Append a line, unless the tag is there already; two programs at once do not mix their lines."""
    with ledger.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if tag in read_digests(ledger):
            return
        file.write(json.dumps({"tag": tag, "digest": digest, "made": made}) + "\n")
        file.flush()
        os.fsync(file.fileno())
