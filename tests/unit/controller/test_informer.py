"""The informers: what they put into the cache, whom they wake, and what they do while a kind is not served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from support.bodies import a_body, a_child_body

from e2i.api import naming
from e2i.controller.core.health import stale
from e2i.controller.edge import informer
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.first_lists import list_all
from e2i.controller.edge.informer import LONGEST_SILENCE, SOURCES, Informer, Source, sources
from e2i.controller.edge.own_writes import OwnWrites
from e2i.kube import ApiError, Changed, Failed, Listed, Object, Quiet, Resource
from e2i.kube.e2i_kinds import BENTO_REQUESTS, DEPLOYMENTS, E2I_MODELS, PODS, SERVICES

KEY = ("models", "churn")
GONE = ApiError(404, "NotFound", "the server could not find the requested resource")
AWAY = ApiError(503, "ServiceUnavailable", "etcd is away")


class Server:
    """Says what it is told to say, and then nothing more."""

    def __init__(self, *news: tuple[str, Any]) -> None:
        self.news = news
        self.asked: list[tuple[str, str]] = []
        self.objects: list[Object] | ApiError = []
        self.ends = False
        """Whether a watch ends when all is said, so that a test need not wait."""

    async def list_parsed(
        self,
        resource: Resource,
        parse: Callable[[Object], Any],
        *,
        namespace: str | None = None,
        labels: str = "",
    ) -> tuple[list[Any], str]:
        self.asked.append((f"list {namespace or ''}".strip(), labels))
        if isinstance(self.objects, ApiError):
            raise self.objects
        return [parse(item) for item in self.objects], "10"

    async def track(
        self,
        resource: Resource,
        parse: Callable[[Object], Any],
        *,
        namespace: str | None = None,
        labels: str = "",
        since: str = "",
        relist: float,
    ) -> AsyncIterator[Any]:
        self.asked.append((f"watch {namespace or ''} from {since}".replace("  ", " "), labels))
        for what, told in self.news:
            match what:
                case "LIST":
                    yield Listed(tuple(parse(item) for item in told), "20")
                case "FAILED":
                    yield Failed(told)
                case "QUIET":
                    yield Quiet()
                case _:
                    yield Changed(what, parse(told))  # type: ignore[arg-type]
        if not self.ends:
            await asyncio.Event().wait()


class Watched:
    """An informer of a source, its cache, and whom it woke."""

    def __init__(self, source: Source, *news: tuple[str, Any]) -> None:
        self.server, self.cache = Server(*news), Cache()
        self.woken: list[tuple[str, str]] = []
        self.informer = Informer(source, self.server, self.cache, OwnWrites(), self.woken.append)  # type: ignore[arg-type]

    async def run(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.informer.run(), 0.05)


def a_pod(*, ready: bool, version: int = 1, restarts: int = 0, **labels: str) -> Object:
    body = a_child_body(
        "Pod", name="churn-1", labels=labels | {"pod-template-hash": "5f6"}, version=version, model=None
    )
    owner = {"kind": "ReplicaSet", "name": "churn-0b1d77e2-5f6", "uid": "uid-set", "controller": True}
    body["metadata"]["ownerReferences"] = [owner]
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    container = {"name": "main", "ready": ready, "restartCount": restarts, "image": "long"}
    return body | {"status": {"conditions": [condition], "containerStatuses": [container]}}


async def test_it_lists_then_watches_from_there_with_the_selector_of_its_source() -> None:
    watched = Watched(Source(DEPLOYMENTS, naming.MODEL_LABEL))
    await list_all([watched.informer])
    await watched.run()
    assert watched.server.asked == [("list", naming.MODEL_LABEL), ("watch from 10", naming.MODEL_LABEL)]


def test_each_namespace_is_looked_at_by_itself_and_all_models_come_last() -> None:
    chosen = sources(("churn", "risk"))
    assert {source.namespace for source in chosen} == {"churn", "risk"}
    assert [source.resource for source in chosen[-2:]] == [E2I_MODELS, E2I_MODELS]
    assert chosen[-1].title == "E2IModel in risk"
    assert sources(()) == SOURCES


async def test_it_lists_and_watches_its_namespace_alone() -> None:
    watched = Watched(Source(DEPLOYMENTS, namespace="risk"))
    await list_all([watched.informer])
    await watched.run()
    assert watched.server.asked == [("list risk", ""), ("watch risk from 10", "")]


async def test_a_list_of_one_namespace_removes_nothing_of_another() -> None:
    everywhere = Watched(Source(E2I_MODELS))
    everywhere.server.objects = [a_body(namespace="churn"), a_body(namespace="risk")]
    await list_all([everywhere.informer])
    risk = Watched(Source(E2I_MODELS, namespace="risk"))
    risk.informer._cache = everywhere.cache
    await list_all([risk.informer])
    assert [model.namespace for model in everywhere.cache.models()] == ["churn"]


async def test_a_namespace_that_may_not_be_watched_is_named() -> None:
    watched = Watched(Source(PODS, namespace="risk"), ("FAILED", ApiError(403, "Forbidden", "no")))
    await watched.run()
    assert watched.informer.problem.startswith("pods in risk cannot be watched: 403 Forbidden: no. Apply")


async def test_that_its_own_kind_was_removed_is_told_with_the_next_step() -> None:
    watched = Watched(Source(E2I_MODELS), ("FAILED", GONE))
    await watched.run()
    assert watched.informer.problem.endswith("does not serve this kind: apply its CRD (manifests/crds)")


async def test_models_come_last_so_that_their_children_are_known() -> None:
    assert SOURCES[-1].resource is E2I_MODELS
    kinds = [source.resource for source in SOURCES]
    assert kinds.index(BENTO_REQUESTS) < kinds.index(PODS)


@pytest.mark.parametrize(
    "source", [source for source in SOURCES if source.resource in (DEPLOYMENTS, SERVICES, PODS)]
)
def test_kinds_that_a_cluster_has_many_of_are_selected_on_the_server(source: Source) -> None:
    assert source.labels


async def test_changes_reach_the_cache_and_wake_their_model() -> None:
    watched = Watched(Source(E2I_MODELS), ("ADDED", a_body()), ("DELETED", a_body(version=2)))
    await watched.run()
    assert watched.woken == [KEY, KEY]
    assert watched.cache.model(KEY) is None


async def test_a_list_after_an_interruption_removes_what_is_gone() -> None:
    watched = Watched(Source(E2I_MODELS), ("LIST", []))
    watched.server.objects = [a_body()]
    await list_all([watched.informer])
    await watched.run()
    assert watched.woken == [KEY, KEY]
    assert watched.cache.model(KEY) is None


async def test_a_kind_of_yatai_that_is_not_served_is_noted_until_it_is_listed() -> None:
    watched = Watched(Source(BENTO_REQUESTS), ("FAILED", AWAY), ("LIST", []))
    watched.cache.put(naming.KIND, a_body())
    watched.server.objects = GONE
    await list_all([watched.informer])
    assert (watched.cache.missing_kinds, watched.woken) == ({"BentoRequest"}, [KEY])
    await watched.run()
    assert (watched.cache.missing_kinds, watched.woken) == (frozenset(), [KEY, KEY])


async def test_a_kind_of_yatai_that_goes_keeps_what_is_known_of_it() -> None:
    request = a_child_body("BentoRequest", name="churn-1")
    watched = Watched(Source(BENTO_REQUESTS), ("LIST", [request]), ("FAILED", GONE))
    await watched.run()
    assert watched.cache.missing_kinds == {"BentoRequest"}
    assert watched.cache.child("BentoRequest", "models", "churn-1")


async def test_other_errors_of_a_list_are_the_caller_s() -> None:
    watched = Watched(Source(DEPLOYMENTS))
    for watched.server.objects in (AWAY, GONE):
        with pytest.raises(ApiError):
            await list_all([watched.informer])


async def test_the_same_failure_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(Source(DEPLOYMENTS), *[("FAILED", AWAY)] * 3, ("LIST", []), ("FAILED", AWAY))
    await watched.run()
    assert caplog.text.count("deployments cannot be watched: 503") == 2


# Pods.


async def test_a_pod_of_a_build_belongs_to_the_model_of_its_request() -> None:
    build = {naming.BUILD_LABEL: "churn-9f3c21aa"}
    watched = Watched(Source(PODS, naming.BUILD_LABEL, "BuildPod"), ("ADDED", a_pod(ready=False, **build)))
    watched.cache.put("BentoRequest", a_child_body("BentoRequest", name="churn-9f3c21aa"))
    await watched.run()
    assert watched.woken == [KEY]
    (pod,) = watched.cache.of_models.build_pods(KEY, "churn-9f3c21aa")
    assert pod["metadata"]["name"] == "churn-1"
    assert pod["status"]["containerStatuses"] == [{"name": "main", "ready": False, "restartCount": 0}]
    assert watched.cache.of_models.build_pods(KEY, "another") == []


async def test_a_list_of_one_kind_of_pods_leaves_the_other() -> None:
    watched = Watched(Source(PODS, naming.MODEL_LABEL), ("LIST", []))
    watched.cache.put("BentoRequest", a_child_body("BentoRequest", name="churn-9f3c21aa"))
    watched.cache.put("BuildPod", a_pod(ready=False, **{naming.BUILD_LABEL: "churn-9f3c21aa"}))
    await watched.run()
    assert watched.cache.of_models.build_pods(KEY, "churn-9f3c21aa")


async def test_only_a_pod_that_is_not_ready_wakes_its_model() -> None:
    labels = {naming.MODEL_LABEL: "churn", naming.RELEASE_LABEL: "0b1d77e2"}
    watched = Watched(
        Source(PODS, naming.MODEL_LABEL),
        ("ADDED", a_pod(ready=False, version=1, **labels)),
        ("MODIFIED", a_pod(ready=False, version=2, **labels)),
        ("MODIFIED", a_pod(ready=True, version=3, **labels)),
        ("MODIFIED", a_pod(ready=False, version=4, restarts=1, **labels)),
    )
    await watched.run()
    assert watched.woken == [KEY, KEY], (
        "its Deployment tells that it is ready, and nothing is new in version 2"
    )
    assert watched.cache.of_models.release_pods(KEY, "0b1d77e2") == [], (
        "labels alone make no pod the release's own"
    )
    labels = {naming.RELEASE_LABEL: "0b1d77e2"}
    watched.cache.put(
        "BentoDeployment", a_child_body("BentoDeployment", name="churn-0b1d77e2", labels=labels)
    )
    assert [pod["metadata"]["name"] for pod in watched.cache.of_models.release_pods(KEY, "0b1d77e2")] == [
        "churn-1"
    ]


async def test_a_cluster_that_came_back_from_a_backup_is_believed() -> None:
    """The second list has the version 20."""
    watched = Watched(
        Source(E2I_MODELS),
        ("MODIFIED", a_body(version=900, spec={"replicas": 2})),
        ("ADDED", a_body(name="lost", uid="uid-lost", version=901)),
        ("FAILED", ApiError(504, "Timeout", "Too large resource version")),
        ("LIST", [a_body(version=15)]),
        ("MODIFIED", a_body(version=21, spec={"replicas": 3})),
    )
    watched.server.objects = [a_body(version=899)]
    await list_all([watched.informer])
    await watched.run()
    assert [model.key for model in watched.cache.models()] == [KEY]
    model = watched.cache.model(KEY)
    assert model
    assert model.autoscaling.maximum == 3
    assert sorted(watched.woken) == [KEY] * 4 + [("models", "lost")] * 2


async def test_it_tells_what_keeps_it_from_watching_until_it_watches_again() -> None:
    watched = Watched(Source(DEPLOYMENTS), ("FAILED", AWAY))
    await watched.run()
    assert "deployments cannot be watched: 503" in watched.informer.problem
    watched.server.news = (("LIST", []),)
    await watched.run()
    assert watched.informer.problem == ""
    missing = Watched(Source(BENTO_REQUESTS), ("FAILED", AWAY), ("FAILED", GONE))
    await missing.run()
    assert missing.informer.problem == "", "a kind of Yatai need not be there"


@pytest.mark.parametrize("news", [("QUIET", None), ("FAILED", AWAY), ("LIST", []), ("ADDED", a_body())])
async def test_everything_that_it_hears_is_a_sign_of_life(
    news: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(Source(E2I_MODELS), news)
    assert list(watched.informer.signs()) == [], "it does not watch yet"
    times = iter((0.0, 500.0, 501.0))
    monkeypatch.setattr(informer.asyncio, "get_running_loop", lambda: Clock(lambda: next(times)))
    watched.server.ends = True
    await watched.informer.run()
    assert [sign.age for sign in watched.informer.signs()] == [1.0]


async def test_a_watch_that_hears_nothing_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(Source(E2I_MODELS))
    watched.server.ends = True
    times = iter((0.0, LONGEST_SILENCE + 1))
    monkeypatch.setattr(informer.asyncio, "get_running_loop", lambda: Clock(lambda: next(times)))
    await watched.informer.run()
    assert stale(watched.informer.signs()) == (
        "the watch of E2IModel gave no sign of life for 901 s, more than 900 s",
    )


@dataclass(frozen=True)
class Clock:
    """The clock of an event loop."""

    time: Callable[[], float]
