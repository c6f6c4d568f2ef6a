"""Commit files to their Git repository. Only this module changes a repository."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2i.pipeline.errors import PipelineError

TIMEOUT = 60.0
SAID = 2000
"""Characters of Git's output in an error: the last ones."""


def require_committable(folder: Path) -> str:
    """Return the current branch of `folder`; PipelineError if it has no branch or other files are staged."""
    if _git(folder, "rev-parse", "--is-inside-work-tree", check=False).strip() != "true":
        raise PipelineError(
            f"{folder} is in no Git repository. Name the overlay in a clone of your GitOps repository."
        )
    branch = _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD", check=False).strip()
    if not branch:
        raise PipelineError(
            f"{folder} is on no branch (detached HEAD). Check a branch out: `git switch NAME`."
        )
    staged = _git(folder, "diff", "--cached", "--name-only").splitlines()
    if staged:
        raise PipelineError(
            f"{staged[0]} is staged in {folder}: it would go into the commit. Commit or unstage it."
        )
    return branch


def require_unchanged(folder: Path, files: Sequence[Path]) -> None:
    """PipelineError if one of these files has changes that are not committed: they would go into the next commit."""
    names = [str(file.resolve()) for file in files if file.exists()]
    if changed := _git(folder, "status", "--porcelain", "--", *names).splitlines():
        raise PipelineError(
            f"{changed[0][3:]} has changes that are not committed: they would go into the commit. Commit or undo them."
        )


def commit(folder: Path, files: Sequence[Path], message: str) -> str:
    """Commit only these files and return the commit; if they have no change, return the current commit."""
    require_committable(folder)
    names = [str(file.resolve()) for file in files]
    try:
        _git(folder, "add", "--", *names)
        if _git(folder, "diff", "--cached", "--name-only", "--", *names):
            _git(folder, "commit", "--quiet", "--message", message, "--only", "--", *names)
    except PipelineError:
        # A hook may refuse it. What stays staged would stand in the way of the next commit.
        _git(folder, "reset", "--quiet", "--", *names, check=False)
        raise
    return _git(folder, "rev-parse", "HEAD").strip()


def push(folder: Path) -> None:
    """Push the current branch to its upstream; PipelineError if Git refuses, for instance because it is behind."""
    _git(folder, "push", "--quiet")


def is_pushed(folder: Path, commit: str) -> bool:
    """Return whether a remote branch, as last fetched or pushed, has the commit."""
    return bool(_git(folder, "branch", "--remotes", "--contains", commit, check=False).strip())


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except FileNotFoundError:
        raise PipelineError("The program git is missing: install it.") from None
    except subprocess.TimeoutExpired:
        raise PipelineError(f"`git {arguments[0]}` in {folder} took longer than {TIMEOUT:.0f} s.") from None
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise PipelineError(f"`{shlex.join(command)}` failed:\n{said[-SAID:]}")
    return done.stdout
