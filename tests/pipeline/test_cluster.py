"""Follow a release on an API server with prepared answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from e2i.kube import ApiError, Object, Snapshot
from e2i.pipeline.cluster import Cluster
from e2i.pipeline.errors import NotReleased, PipelineError

TAG = "rain_model:2.0.0"


class Server:
    """An API server: `get` returns the first model, `watch` sends the others; an ApiError is raised."""

    def __init__(self, *models: Object | ApiError | None) -> None:
        self.models = models

    async def get(self, *_: Any) -> Object | None:
        if isinstance(self.models[0], ApiError):
            raise self.models[0]
        return self.models[0]

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[Snapshot]:
        for found in self.models:
            yield Snapshot((found,) if isinstance(found, dict) else ())
        await asyncio.Event().wait()


def model(reason: str, *holding: str, tag: str = TAG) -> Object:
    conditions = [
        {"type": "Ready", "status": "False", "reason": reason, "message": f"{reason} it is"},
        *(
            {"type": kind, "status": "True", "reason": reason, "message": f"{reason} it is"}
            for kind in holding
        ),
    ]
    return {
        "metadata": {"name": "rain-model", "namespace": "models", "uid": "u", "generation": 1},
        "spec": {"bento": {"tag": tag}},
        "status": {
            "observedGeneration": 1,
            "conditions": conditions[1:] if "Ready" in holding else conditions,
            "url": "http://rain-model.models.svc:3000",
            "servingRelease": "b2",
        },
    }


BUILDING, READY = model("Building", "Reconciling"), model("Ready", "Ready")


def cluster(monkeypatch: pytest.MonkeyPatch, *models: Object | ApiError | None) -> Cluster:
    server = Server(*models)

    @contextlib.asynccontextmanager
    async def connected(_: Cluster) -> AsyncIterator[Server]:
        yield server

    monkeypatch.setattr(Cluster, "_client", connected)
    monkeypatch.setattr("e2i.deploying.release.SETTLE_SECONDS", 0.01)
    return Cluster(Path("kubeconfig"), None, "models", "rain-model")


def test_a_release_is_followed_until_it_serves_and_each_state_is_reported_once(
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
            model("BuildFailed", "Stalled"),
            f"{TAG} does not serve: BuildFailed: BuildFailed it is",
            id="given up",
        ),
        pytest.param(BUILDING, "does not serve after 0 s: Building", id="it takes too long"),
        pytest.param(None, "is gone: somebody deleted it", id="deleted"),
        pytest.param(
            model("Ready", "Ready", tag="rain_model:3.0.0"),
            "asks for rain_model:3.0.0 now",
            id="overtaken",
        ),
    ],
)
def test_a_release_that_does_not_serve_ends_with_code_4_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, last: Object | None, words: str
) -> None:
    with pytest.raises(NotReleased) as raised:
        cluster(monkeypatch, last).wait_until_serving(TAG, 0.3, lambda line: None)
    assert words in raised.value.message
    assert raised.value.code == 4


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cluster(monkeypatch, ApiError(0, "Unreachable", "no route"))
    with pytest.raises(
        PipelineError, match=r"The cluster of kubeconfig refused or did not answer .* no route"
    ):
        found.serving()


def test_a_kubeconfig_that_does_not_exist_is_named(tmp_path: Path) -> None:
    found = Cluster(tmp_path / "nowhere", None, "models", "rain-model")
    with pytest.raises(PipelineError, match=r"does not exist\. Correct --kubeconfig"):
        found.serving()
