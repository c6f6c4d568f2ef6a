"""Commits files to the Git repository they lie in. The only module that changes a repository."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2i.pipeline.errors import PipelineError

TIMEOUT = 60.0


def require_committable(folder: Path) -> str:
    """The branch that a commit in `folder` would go to; PipelineError if something is in the way of a clean one."""
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


def commit(folder: Path, files: Sequence[Path], message: str) -> str:
    """Commit only these files on the current branch and return the commit; without a change the present one."""
    require_committable(folder)
    names = [str(file.resolve()) for file in files]
    _git(folder, "add", "--", *names)
    if _git(folder, "diff", "--cached", "--name-only", "--", *names):
        _git(folder, "commit", "--quiet", "--message", message, "--only", "--", *names)
    return _git(folder, "rev-parse", "HEAD").strip()


def push(folder: Path) -> None:
    """Push the current branch to where it is followed from; PipelineError if somebody else was first."""
    _git(folder, "push", "--quiet")


def is_pushed(folder: Path, commit: str) -> bool:
    """Whether a branch of a remote is known to have the commit."""
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
        said = " ".join((done.stderr or done.stdout).split())[:300]
        raise PipelineError(f"`git {arguments[0]}` in {folder} failed: {said}")
    return done.stdout
