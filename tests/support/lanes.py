"""The lanes of a run with several workers (pytest-xdist): tests that need a cluster mostly wait, the rest computes.

All workers but the last take files that need a cluster, the last one takes the others, so that one lane computes while
the others wait. A lane without files of its own helps the others.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.budgets import Budgets
from xdist.scheduler import LoadFileScheduling

PROJECT = Path(__file__).resolve().parents[2]
_NEEDS_A_CLUSTER = re.compile(r"mark\.(api|e2e)\b")


class Lanes(LoadFileScheduling):
    """Gives each worker whole files: those of its own lane first, of these the longest first."""

    def _assign_work_unit(self, node: Any) -> None:
        computes = node is self.nodes[-1]

        def order(file: str) -> tuple[bool, float]:
            return needs_a_cluster(file) is computes, -seconds_of(file)

        # The parent takes the first file of the queue.
        self.workqueue.move_to_end(min(self.workqueue, key=order), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes | None:
    return Lanes(config, log) if config.getoption("dist") == "loadfile" else None


@cache
def needs_a_cluster(file: str) -> bool:
    return bool(_NEEDS_A_CLUSTER.search((PROJECT / file).read_text()))


def seconds_of(file: str) -> float:
    return _budgets().files.get(file, 0.0)


@cache
def _budgets() -> Budgets:
    return Budgets.read()
