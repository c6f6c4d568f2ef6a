"""Asks Git for the revision of files. The only module that calls git."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

TIMEOUT = 20


def code_revision(files: Sequence[Path]) -> str:
    """Return the commit that `files` are of, with `-dirty` when one differs from it or is not in it; empty outside of
    Git."""
    if not files:
        return ""
    folder = files[0].resolve().parent
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if not head:
        return ""
    changed = _git(folder, "status", "--porcelain", "--", *(str(file.resolve()) for file in files))
    return head if changed == "" else f"{head}-dirty"


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of git, or None if git is missing or fails, for instance outside of a repository."""
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if completed.returncode else completed.stdout.strip()
