"""The time that folders of tests may take, and the lanes in which they run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from support.budgets import Budgets, Spent
from support.durations import RECORD, record
from support.lanes import needs_a_cluster

TESTS = Path(__file__).resolve().parents[2]
BUDGETS = Budgets(
    tolerance=2.0,
    calibration=0.5,
    folders={"tests/unit": 10.0, "tests/unit/house": 5.0},
    files={},
)


def test_a_file_counts_for_the_deepest_folder_with_a_budget() -> None:
    spent = {
        "tests/unit/api/test_tags.py": Spent(2, 3.0),
        "tests/unit/house/test_layout.py": Spent(4, 5.0),
        "tests/unit/test_other.py": Spent(1, 1.0),
    }
    assert BUDGETS.by_folder(spent) == {"tests/unit/house": Spent(4, 5.0), "tests/unit": Spent(3, 4.0)}


@pytest.mark.parametrize(
    ("seconds", "fails"),
    [
        pytest.param(10.0, False, id="its budget"),
        pytest.param(20.0, False, id="up to the tolerance"),
        pytest.param(20.5, True, id="more than the tolerance allows"),
    ],
)
def test_a_folder_fails_only_above_the_tolerance(seconds: float, fails: bool) -> None:
    overruns = BUDGETS.overruns({"tests/unit/api/test_tags.py": Spent(2, seconds)})
    assert bool(overruns) is fails
    assert all("tests/unit took 20 s" in overrun for overrun in overruns)


def test_a_slower_machine_has_more_time() -> None:
    spent = {"tests/unit/api/test_tags.py": Spent(2, 25.0)}
    assert BUDGETS.overruns(spent)
    assert BUDGETS.on_machine(calibration=0.75).overruns(spent) == []


def test_a_faster_machine_has_no_less() -> None:
    assert BUDGETS.on_machine(calibration=0.1) == BUDGETS


def test_a_file_outside_of_all_budgets_is_found() -> None:
    assert BUDGETS.unbudgeted({"tests/new/test_thing.py": Spent(1, 0.1)}) == ["tests/new/test_thing.py"]


def test_every_test_file_lies_in_a_folder_with_a_budget() -> None:
    files = {str(file.relative_to(TESTS.parent)): Spent() for file in TESTS.rglob("test_*.py")}
    assert Budgets.read().unbudgeted(files) == []


def test_files_that_are_named_as_long_are_there() -> None:
    assert [file for file in Budgets.read().files if not (TESTS.parent / file).is_file()] == []


def test_a_file_that_needs_a_cluster_is_known_by_its_marks() -> None:
    assert needs_a_cluster("tests/local/test_control_plane.py")
    assert not needs_a_cluster("tests/unit/house/test_layout.py")


class FakeCache(dict[str, object]):
    def set(self, key: str, value: object) -> None:
        self[key] = value


def test_the_seconds_of_each_file_are_kept_if_there_is_a_cache() -> None:
    spent = {"tests/unit/api/test_tags.py": Spent(2, 3.04)}
    cache = FakeCache()
    for config in (SimpleNamespace(cache=cache), SimpleNamespace(cache=None), SimpleNamespace()):
        record(config, spent)
    assert cache == {RECORD: {"tests/unit/api/test_tags.py": 3.0}}
