"""Clusters for tests: in a folder of their own, gone afterwards whatever happens to the tests."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from support.rights import note_used

from e2i.local import ports
from e2i.local.addresses import HIGHEST_INDEX, Ports
from e2i.local.kubernetes_versions import NEWEST
from e2i.local.layout import ClusterHome, save_home

T = TypeVar("T")
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


_kubernetes = NEWEST


def choose_kubernetes(version: str) -> None:
    """Give the clusters of this run another version of Kubernetes."""
    global _kubernetes
    _kubernetes = version


@dataclass(frozen=True)
class TestCluster:
    """A running cluster. `home` is None when it is somebody's own, named by --kubeconfig.

    `store` is then the BentoML store that its operator reads, if --bento-store names it.
    """

    __test__ = False

    kubeconfig: Path
    home: ClusterHome | None
    store: Path | None = None

    def own_home(self, why: str) -> ClusterHome:
        """Return the home. On a cluster of somebody's own the test is skipped: `why` it needs one of its own."""
        return own_home(self.home, why)


def own_home(home: ClusterHome | None, why: str) -> ClusterHome:
    """Return the home. On a cluster of somebody's own there is none, and the test is skipped."""
    if home is None:
        pytest.skip(f"needs the local cluster: {why}")
    return home


class Kept:
    """What is costly to start, by the name of its fixture: started when it is asked for, kept while tests need it."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[contextlib.ExitStack, Any]] = {}

    def enter(self, name: str, start: Callable[[], contextlib.AbstractContextManager[T]]) -> T:
        """Return what runs under this name, started if it does not."""
        if name not in self._running:
            stack = contextlib.ExitStack()
            self._running[name] = stack, stack.enter_context(start())
        kept: T = self._running[name][1]
        return kept

    def end_unneeded(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """End, after the last test of a file, everything that no test of the next file asks for.

        Within a file a fixture of its scope still holds what runs, also while some tests do not ask for it.
        """
        if nextitem is None:
            self.end_all_but(())
        elif nextitem.path != item.path:
            following = [each for each in item.session.items if each.path == nextitem.path]
            self.end_all_but({name for each in following for name in getattr(each, "fixturenames", ())})

    def end_all_but(self, needed: Collection[str]) -> None:
        """End everything that has no name in `needed`."""
        for name in [name for name in self._running if name not in needed]:
            stack, _ = self._running.pop(name)
            stack.close()


@contextlib.contextmanager
def temporary_home(name: str) -> Iterator[ClusterHome]:
    """A new cluster's home, with ports that nobody uses; at the end nothing runs and nothing is on disk."""
    with _reserved_index() as index:
        folder = Path(tempfile.mkdtemp(prefix="e2i-test-"))
        home = ClusterHome(name, index, folder / name, kubernetes=_kubernetes)
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
            note_used(home.audit_log)
            guard.communicate()
            assert guard.returncode == 0, f"cluster {home.root} was not cleared away"


@contextlib.contextmanager
def _reserved_index() -> Iterator[int]:
    """An index that no other test has, of this run or of another one, and whose ports are free.

    From the upper half: the clusters of users start at 0. Ports alone do not tell: a cluster that another test has
    just made does not listen yet.
    """
    candidates = range(HIGHEST_INDEX // 2, HIGHEST_INDEX + 1)
    for index in random.sample(candidates, k=len(candidates)):
        with (Path(tempfile.gettempdir()) / f"e2i-test-{os.getuid()}-{index}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if all(ports.is_free(port) for port in Ports(index).in_use):
                yield index
                return
    raise RuntimeError("all cluster indices for tests are taken: wait for the other test runs to end")
