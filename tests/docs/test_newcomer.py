"""The first hour of somebody new: both tutorials, by an ordinary user with an empty home, `make` included.

The path of the clone has a space and an accent. Only the compiled tools are given, because they take ten minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.conftest import Reader, copy_sources
from docs.runs import BY_A_NEWCOMER, DOCS
from docs.shell import Shell
from docs.test_pages import follow

from e2i.local.layout import cache_root

USER = 65534
"""The user `nobody`, for tests that root starts."""


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Reader]:
    """A user with a home, a clone, the compiled tools, and nothing else; what runs afterwards is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="e2i newcomer é "))
    home, clone = folder / "home", folder / "e2i"
    copy_sources(clone)
    tools = home / ".cache" / "e2i" / "tools"
    shutil.copytree(cache_root() / "tools", tools, symlinks=True)
    own(folder)
    reader = Reader(clone, home)
    yield reader
    stop = (*as_user(), ".venv/bin/e2i", "local", "reset", "--yes")
    subprocess.run(stop, cwd=clone, env=reader.environment, check=False)
    shutil.rmtree(folder)


@pytest.mark.e2e
@pytest.mark.deep
@pytest.mark.parametrize("name", BY_A_NEWCOMER)
def test_a_newcomer_can_follow(name: str, newcomer: Reader) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        own(Path(scratch))
        with Shell(newcomer.clone, newcomer.environment, Path(scratch), as_user()) as terminal:
            follow(DOCS / name, terminal)


def as_user() -> tuple[str, ...]:
    """Return the words in front of a command that make it the command of an ordinary user."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv", path="/usr/bin:/bin"):
        pytest.skip("root cannot become an ordinary user here: there is no setpriv")
    return ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")


def own(folder: Path) -> None:
    """Give `folder` to the user of as_user()."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "--recursive", f"{USER}:{USER}", str(folder)], check=True)
        folder.chmod(0o755)
