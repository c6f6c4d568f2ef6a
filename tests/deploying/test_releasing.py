"""Apply and follow an E2IModel without a cluster: GitOps tools, clusters without answer, failures that may pass."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from e2i.deploying import (
    ClusterRefused,
    ClusterUnreachable,
    ManagedElsewhere,
    deployer,
    rehearse_deployment,
    release,
    run_deployment,
)
from e2i.deploying.connect import connect
from e2i.deploying.environments import Environment
from e2i.deploying.errors import Verdict
from e2i.deploying.find_bento import Found
from e2i.deploying.release import Applied, apply, follow
from e2i.deploying.request_manifest import Deployable
from e2i.deploying.verdict import Serving, Waiting
from e2i.kube import ApiError, Change, Kube, Object, Snapshot

WANTED: Object = {
    "metadata": {"name": "churn", "namespace": "models"},
    "spec": {"bento": {"tag": "churn_model:2.0.0"}},
}


def a_model(reason: str, *holding: str, observed: int = 1, **status: Any) -> Object:
    kinds = [
        {
            "type": "Ready",
            "status": "True" if "Ready" in holding else "False",
            "reason": reason,
            "message": "...",
        },
        *(
            {"type": kind, "status": "True", "reason": reason, "message": "..."}
            for kind in holding
            if kind != "Ready"
        ),
    ]
    metadata = {**WANTED["metadata"], "uid": "u", "generation": 1}
    return {
        **WANTED,
        "metadata": metadata,
        "status": {"observedGeneration": observed, "conditions": kinds, **status},
    }


SERVING = a_model("Ready", "Ready", url="http://churn.models.svc:3000", servingRelease="b2")
MISSING = a_model("BentoNotFound", "Stalled")


class Server:
    """An API server with one model; `watch` sends its later states."""

    def __init__(self, live: Object | None = None, *changes: Object | None) -> None:
        self.live = live
        self.changes = changes
        self.busy = 0

    async def get(self, *_: Any) -> Object | None:
        return copy.deepcopy(self.live)

    async def request(self, method: str, path: str, **options: Any) -> Object:
        if self.busy:
            self.busy -= 1
            raise ApiError(429, "TooManyRequests", "come again", retry_after=0.01)
        assert (method, options["query"]["fieldManager"]) == ("PATCH", "e2i-deployer")
        return self.live or a_model("Pending", observed=0)

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[Snapshot | Change]:
        yield Snapshot(() if self.live is None else (self.live,))
        for change in self.changes:
            yield Change("DELETED", MISSING) if change is None else Change("MODIFIED", change)
        await asyncio.Event().wait()


def kube(server: Server) -> Kube:
    return cast("Kube", server)


async def test_a_busy_api_server_is_asked_again() -> None:
    server = Server()
    server.busy = 2
    assert (await apply(kube(server), WANTED)).is_new


async def test_what_git_keeps_is_left_alone() -> None:
    live = a_model("Ready", "Ready")
    live["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "models"}
    with pytest.raises(ManagedElsewhere, match="commit"):
        await apply(kube(Server(live)), WANTED)


async def test_the_phases_are_reported_until_it_serves() -> None:
    states: list[Waiting] = []
    building = a_model("Building", "Reconciling")
    server = Server(a_model("Pending", observed=0), building, SERVING)
    end = await follow(kube(server), Applied(a_model("Pending", observed=0), is_new=True), states.append)
    assert isinstance(end, Serving)
    assert "Building" in [state.phase for state in states]


async def test_a_person_who_waits_hears_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "REMIND_SECONDS", 0.001)
    reminded = asyncio.Event()
    building = a_model("Building", "Reconciling")
    following = asyncio.create_task(
        follow(
            kube(Server(building)), Applied(building, is_new=True), lambda _: None, lambda _: reminded.set()
        )
    )
    async with asyncio.timeout(60):
        await reminded.wait()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_trouble_of_before_may_pass_but_trouble_of_this_apply_is_final(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bento was missing at the first request, and was built before the second."""
    passing = Server(MISSING, SERVING)
    assert isinstance(await follow(kube(passing), Applied(MISSING, is_new=False), print), Serving)
    staying = Server(MISSING)
    assert isinstance(await follow(kube(staying), Applied(MISSING, is_new=True), print), Verdict)
    monkeypatch.setattr(release, "SETTLE_SECONDS", 0.01)
    assert isinstance(await follow(kube(staying), Applied(MISSING, is_new=False), print), Verdict)


async def test_a_model_that_is_deleted_meanwhile_is_not_waited_for() -> None:
    building = a_model("Building", "Reconciling")
    with pytest.raises(ClusterRefused, match="Somebody deleted"):
        await follow(kube(Server(building, None)), Applied(building, is_new=True), print)


async def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{free.getsockname()[1]}"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "none"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "c",
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        async with await connect(Environment(kubeconfig=tmp_path / "kubeconfig")) as connected:
            with pytest.raises(ClusterUnreachable, match=r"127\.0\.0\.1"):
                await apply(connected, WANTED)


async def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(json.dumps({"contexts": []}))
    with pytest.raises(ClusterUnreachable, match="staging"):
        await connect(Environment(kubeconfig=tmp_path / "kubeconfig", context="staging"))


async def test_nothing_is_done_for_a_request_that_is_wrong() -> None:
    with pytest.raises(Exception, match="target_environment"):
        await run_deployment({"experiment_id": "e", "model_uri": "m:1", "target_environment": "moon"})


async def test_what_the_release_will_miss_is_said_before_it_is_applied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    async def find(*_: object) -> Found:
        bento = Deployable(tag="churn:1", type="Classification", required_env=("API_KEY",))
        return Found(bento, packaged=False)

    async def connected(_: object) -> Any:
        return contextlib.nullcontext(kube(Server()))

    async def applied(*_: object, **__: object) -> Applied:
        said.append("applied")
        return Applied(SERVING, is_new=True)

    for name, fake in (("find", find), ("connect", connected), ("apply", applied)):
        monkeypatch.setattr(deployer, name, fake)
    request = {"experiment_id": "e", "model_uri": "churn:1", "target_environment": "local"}
    await rehearse_deployment(request, say=said.append)
    assert [line.partition(" without")[0] for line in said][1:3] == [
        "Note: The bento declares API_KEY",
        "applied",
    ]
