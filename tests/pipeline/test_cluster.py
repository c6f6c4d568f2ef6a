"""Following a release on a cluster whose answers are given."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from e2i.kube import ApiError, Object
from e2i.pipeline.cluster import Cluster
from e2i.pipeline.faults import NotReleased, Stopped

TAG = "rain_model:2.0.0"


class Answers:
    """Gives one model after the other, then the last one for ever; an ApiError is raised."""

    def __init__(self, *models: Object | ApiError | None) -> None:
        self.models = list(models)

    async def get(self, *_: Any) -> Object | None:
        found = self.models.pop(0) if len(self.models) > 1 else self.models[0]
        if isinstance(found, ApiError):
            raise found
        return found


def model(kind: str, status: str, reason: str, tag: str = TAG) -> Object:
    told = {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": f"{reason} it is",
        "observedGeneration": 1,
    }
    return {
        "metadata": {"generation": 1},
        "spec": {"bento": {"tag": tag}},
        "status": {"conditions": [told]},
    }


BUILDING, READY = model("Ready", "False", "Building"), model("Ready", "True", "Ready")


def cluster(monkeypatch: pytest.MonkeyPatch, *models: Object | ApiError | None) -> Cluster:
    answers = Answers(*models)

    @contextlib.asynccontextmanager
    async def connected(_: Cluster) -> AsyncIterator[Answers]:
        yield answers

    monkeypatch.setattr(Cluster, "_connected", connected)
    monkeypatch.setattr("e2i.pipeline.cluster.LOOK_EVERY", 0.0)
    return Cluster(Path("kubeconfig"), None, "models", "rain-model")


def test_a_release_is_followed_until_it_serves_and_each_state_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    found = cluster(monkeypatch, BUILDING, BUILDING, READY)
    assert found.wait_until_serving(TAG, 60, said.append) == "Ready it is"
    assert said == ["Building: Building it is"]


@pytest.mark.parametrize(
    ("last", "words"),
    [
        pytest.param(
            model("Stalled", "True", "BuildFailed"),
            f"{TAG} does not serve: BuildFailed: BuildFailed it is",
            id="given up",
        ),
        pytest.param(BUILDING, "does not serve after 0 s: Building", id="it takes too long"),
        pytest.param(None, "is gone: somebody deleted it", id="deleted"),
        pytest.param(
            model("Ready", "True", "Ready", "rain_model:3.0.0"),
            "now asks for rain_model:3.0.0",
            id="overtaken",
        ),
    ],
)
def test_a_release_that_does_not_serve_ends_with_code_4_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, last: Object | None, words: str
) -> None:
    with pytest.raises(NotReleased) as told:
        cluster(monkeypatch, last).wait_until_serving(TAG, 0, lambda line: None)
    assert words in told.value.message
    assert told.value.code == 4


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cluster(monkeypatch, ApiError(0, "Unreachable", "no route"))
    with pytest.raises(Stopped, match=r"The cluster of kubeconfig refused or did not answer .* no route"):
        found.serving()


def test_a_kubeconfig_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = Cluster(tmp_path / "nowhere", None, "models", "rain-model")
    with pytest.raises(Stopped, match=r"does not exist\. Correct --kubeconfig"):
        found.serving()
