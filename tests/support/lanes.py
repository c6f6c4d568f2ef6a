"""The lanes of a run with several workers (pytest-xdist): tests that need a cluster mostly wait, the rest computes.

All workers but the last take files that need a cluster, the last one takes the others, so that one lane computes while
the others wait. A lane without files of its own helps the others. A lane with a cluster first takes the other files
that use the same cluster: to start one and to end it costs as much as many tests do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.budgets import Budgets
from xdist.scheduler import LoadFileScheduling

PROJECT = Path(__file__).resolve().parents[2]
KEPT = ("local_cluster", "control_plane")
"""Fixtures with a cluster that is kept from file to file."""
_NEEDS_A_CLUSTER = re.compile(r"mark\.(api|e2e)\b")
_NAMES_ONE = re.compile(rf"\b({'|'.join(KEPT)})\b")


class Lanes(LoadFileScheduling):
    """Gives each worker whole files: those of its own lane first, then those of its cluster, of these the longest."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._kept: dict[Any, str | None] = {}

    def _assign_work_unit(self, node: Any) -> None:
        place = self.nodes.index(node)
        kept = self._kept.get(node, KEPT[place % len(KEPT)])
        file = next_file(self.workqueue, kept, computes=node is self.nodes[-1])
        self._kept[node] = cluster_of(file)
        # The parent takes the first file of the queue.
        self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)


def next_file(waiting: Iterable[str], kept: str | None, *, computes: bool) -> str:
    """Return the file for a lane in which the cluster `kept` runs, or would be the first one."""

    def order(file: str) -> tuple[bool, bool, float]:
        return needs_a_cluster(file) is computes, cluster_of(file) != kept, -seconds_of(file)

    return min(waiting, key=order)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes | None:
    return Lanes(config, log) if config.getoption("dist") == "loadfile" else None


@cache
def needs_a_cluster(file: str) -> bool:
    return bool(_NEEDS_A_CLUSTER.search((PROJECT / file).read_text()))


@cache
def cluster_of(file: str) -> str | None:
    """Return which kept cluster the file's tests use, as it or the conftest of its folder names it."""
    if not needs_a_cluster(file):
        return None
    path = PROJECT / file
    for place in (path, path.with_name("conftest.py")):
        if place.exists() and (found := _NAMES_ONE.search(place.read_text())):
            return found[1]
    return None


def seconds_of(file: str) -> float:
    return _budgets().files.get(file, 0.0)


@cache
def _budgets() -> Budgets:
    return Budgets.read()
