"""`e2i pipeline demo` on the local cluster: released, drifted, trained again, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cluster import TestCluster

from e2i.pipeline import demo
from e2i.pipeline.demo import Demo
from e2i.pipeline.workspace import Workspace, read_lines

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shown(
    local_cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> Demo:
    assert local_cluster.home
    return Demo(local_cluster.home, tmp_path_factory.mktemp("loop") / "churn", say)


def released(shown: Demo) -> list[str]:
    return [str(line["bento"]) for line in read_lines(Workspace(shown.folder).released)]


def test_a_project_is_released_drifts_is_trained_again_and_is_refused_when_it_learned_wrongly(
    shown: Demo,
) -> None:
    """One test, because each chapter needs the state of the one before it; each step checks its exit code."""
    place = Workspace(shown.folder)

    demo.release(shown)
    first = shown.answered_by[-1]
    assert released(shown) == [first]
    assert not place.read_state().outputs("drift")["enough"]

    demo.drift(shown)
    verdict = place.read_state().outputs("drift")
    assert verdict["bento"] == first
    assert verdict["drifted"]
    assert verdict["rows"] >= shown.config["requests"]
    assert json.loads(Path(verdict["report"]).with_suffix(".json").read_text())["drifted"]

    demo.retrain(shown)
    second = shown.answered_by[-1]
    assert second != first
    assert released(shown) == [first, second]

    demo.refuse(shown)
    assert shown.answered_by[-1] == second
    assert released(shown) == [first, second]
    stop = place.read_state().stop
    assert stop
    assert (stop.step, stop.code) == ("gate", 3)
