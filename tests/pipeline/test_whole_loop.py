"""The loop on the local cluster, as `e2i pipeline demo` tells it: released, drifted, trained again, refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cluster import TestCluster

from e2i.pipeline import demo
from e2i.pipeline.demo import Story
from e2i.pipeline.workspace import Place, read_lines

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def story(
    local_cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> Story:
    assert local_cluster.home
    return Story(local_cluster.home, tmp_path_factory.mktemp("loop") / "churn", say)


def released(story: Story) -> list[str]:
    return [str(line["bento"]) for line in read_lines(Place(story.folder).released)]


def test_a_project_is_released_drifts_is_trained_again_and_is_refused_when_it_learned_wrongly(
    story: Story,
) -> None:
    """One story, for each chapter needs what the one before it left; its steps end with the exit codes it expects."""
    place = Place(story.folder)

    demo.release(story)
    first = story.answered_by[-1]
    assert released(story) == [first]
    assert not place.read_state().outputs("drift")["enough"]

    demo.drift(story)
    verdict = place.read_state().outputs("drift")
    assert verdict["bento"] == first
    assert verdict["drifted"]
    assert verdict["rows"] >= story.config["requests"]
    assert json.loads(Path(verdict["report"]).with_suffix(".json").read_text())["drifted"]

    demo.retrain(story)
    second = story.answered_by[-1]
    assert second != first
    assert released(story) == [first, second]

    demo.refuse(story)
    assert story.answered_by[-1] == second
    assert released(story) == [first, second]
    stop = place.read_state().stop
    assert stop
    assert (stop.step, stop.code) == ("gate", 3)
