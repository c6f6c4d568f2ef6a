"""Which file a lane of a run takes next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support import lanes

SECONDS = {
    "tests/api/test_plugin.py": 90.0,
    "tests/api/test_backup.py": 20.0,
    "tests/e2e/test_lives.py": 100.0,
    "tests/e2e/test_images.py": 30.0,
    "tests/deploy/test_helm_life.py": 80.0,
    "tests/unit/house/test_layout.py": 10.0,
    "tests/packaging/test_package.py": 20.0,
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "seconds_of", lambda file: SECONDS.get(file, 0.0))


def taken(kept: str | None, *, computes: bool) -> list[str]:
    """All files in the order in which a single lane would take them, without their folders."""
    waiting, order = list(SECONDS), []
    while waiting:
        file = lanes.next_file(waiting, kept, computes=computes)
        waiting.remove(file)
        order.append(file.rpartition("/test_")[2].removesuffix(".py"))
        kept = lanes.cluster_of(file)
    return order


def test_a_lane_keeps_its_cluster_while_a_file_uses_it_and_takes_the_longest_of_these() -> None:
    assert taken("control_plane", computes=False)[:4] == ["plugin", "backup", "lives", "images"]
    assert taken("local_cluster", computes=False)[:4] == ["lives", "images", "plugin", "backup"]


def test_the_lane_that_computes_helps_when_nothing_of_its_own_is_left() -> None:
    assert taken("local_cluster", computes=True)[:3] == ["package", "layout", "helm_life"]


def test_a_file_that_names_no_cluster_uses_the_one_of_its_folder() -> None:
    assert lanes.cluster_of("tests/api/test_several_operators.py") == "control_plane"
    assert lanes.cluster_of("tests/deploy/test_helm_life.py") is None
    assert lanes.cluster_of("tests/unit/house/test_layout.py") is None


def test_a_file_that_only_speaks_of_a_cluster_needs_none() -> None:
    assert lanes.cluster_of("tests/unit/house/test_lanes.py") is None


class Worker:
    """Takes what it is sent."""

    def send_runtest_some(self, _: list[int]) -> None:
        """It is looked up in the scheduler."""


def test_the_scheduler_gives_each_lane_its_own_files_and_knows_which_cluster_runs_in_it() -> None:
    settings: Any = SimpleNamespace(getvalue=lambda _: ["2*popen"])
    scheduler: Any = lanes.Lanes(settings, None)
    waits, computes = Worker(), Worker()
    for worker in (waits, computes):
        scheduler.add_node(worker)
        scheduler.registered_collections[worker] = list(SECONDS)

    def given(worker: Worker, *more: str) -> str:
        scheduler.workqueue.update({file: {file: False} for file in more})
        scheduler._assign_work_unit(worker)
        return str(list(scheduler.assigned_work[worker])[-1])

    package, plugin, backup, images = (
        file for name in ("package", "plugin", "backup", "images") for file in SECONDS if f"_{name}." in file
    )
    assert given(waits, package, backup, plugin) == plugin
    assert given(computes) == package
    assert given(waits, images) == backup, "the longer one needs another cluster"
    assert given(waits) == images
