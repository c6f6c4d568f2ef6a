"""Clusters for tests: in a folder of their own, gone afterwards whatever happens to the tests."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2i.local import ports
from e2i.local.layout import HIGHEST_INDEX, ClusterHome, Ports, save_home

# Waits until the tests are over, however they end, then clears up.
_GUARD = """
import shutil, sys
from pathlib import Path
from e2i.local.cluster import reset
sys.stdin.read()
root = Path(sys.argv[1])
reset(root, lambda line: None)
shutil.rmtree(root.parent)
"""


@dataclass(frozen=True)
class TestCluster:
    """A running cluster. `home` is None when it is somebody's own, named by E2I_TEST_KUBECONFIG."""

    __test__ = False

    kubeconfig: Path
    home: ClusterHome | None


@contextlib.contextmanager
def temporary_home(name: str) -> Iterator[ClusterHome]:
    """A new cluster's home, with ports that nobody uses; at the end nothing runs and nothing is on disk."""
    folder = Path(tempfile.mkdtemp(prefix="e2i-test-"))
    home = ClusterHome(name, _free_index(), folder / name)
    save_home(home)
    guard = subprocess.Popen(
        [sys.executable, "-P", "-c", _GUARD, home.root],
        stdin=subprocess.PIPE,
        # In a session of its own: an interrupt from the keyboard must not reach it.
        start_new_session=True,
    )
    try:
        yield home
    finally:
        guard.communicate()
        assert guard.returncode == 0, f"cluster {home.root} was not cleared away"


def _free_index() -> int:
    # From the upper half and at random: users' clusters start at 0, and two test runs may start together.
    candidates = random.sample(range(HIGHEST_INDEX // 2, HIGHEST_INDEX + 1), k=HIGHEST_INDEX // 2 + 1)
    return next(index for index in candidates if all(ports.is_free(port) for port in Ports(index).in_use))
