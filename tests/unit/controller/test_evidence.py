"""What a failed release leaves behind: which container tells most, and what of its log may be shown."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from support.bodies import a_pod

from e2i.controller.core.evidence.failure_evidence import (
    Evidence,
    evidence_source,
    of_pods,
    to_status,
)
from e2i.controller.core.evidence.probe_failures import last_probe_failure
from e2i.controller.edge import pod_evidence
from e2i.controller.edge.pod_evidence import collect
from e2i.kube import Kube


def ended(exit_code: int = 1, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": exit_code, "reason": reason}}


def a_container(name: str = "main", *, ready: bool = False, **changed: Any) -> dict[str, Any]:
    """One that runs; `state` and `lastState` say otherwise."""
    return {
        "name": name,
        "ready": ready,
        "restartCount": 0,
        "state": {"running": {}},
        "lastState": {},
        **changed,
    }


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


READY = a_container("ready", ready=True)
UNREADY = a_container("unready")
STARTING = a_container("starting", state=waiting("ContainerCreating"))
UNPULLED = a_container("unpulled", state=waiting("ImagePullBackOff"))
LOOPING = a_container("looping", state=waiting("CrashLoopBackOff"))
DONE = a_container("done", state=ended(0, "Completed"))
CRASHED = a_container("crashed", state=ended(3))
RECOVERED = a_container("recovered", ready=True, lastState=ended(137, "OOMKilled"))
KILLED = a_container("killed", state=ended(0, "OOMKilled"))


@pytest.mark.parametrize(
    ("containers", "name"),
    [
        pytest.param([READY, UNREADY, READY], "unready", id="one that is not ready before one that is"),
        pytest.param([UNREADY, UNPULLED], "unpulled", id="one that cannot start before one that runs"),
        pytest.param([STARTING, UNREADY, UNPULLED], "unpulled", id="being made is no sign"),
        pytest.param([UNPULLED, LOOPING], "looping", id="a crash loop, even if it hides its ending"),
        pytest.param([LOOPING, CRASHED], "crashed", id="an exit code before none"),
        pytest.param([DONE, CRASHED], "crashed", id="a bad end before a good one"),
        pytest.param([UNPULLED, DONE], "done", id="a server that ended well has ended all the same"),
        pytest.param([UNREADY, RECOVERED], "recovered", id="a bad end before, although it is ready again"),
        pytest.param([UNREADY, KILLED], "killed", id="memory ran out, whatever the exit code"),
        pytest.param([READY], "ready", id="one that is ready when there is no other"),
        pytest.param([CRASHED, RECOVERED], "crashed", id="the first of two that tell as much"),
    ],
)
def test_the_container_that_tells_most(containers: list[dict[str, Any]], name: str) -> None:
    assert of_pods([a_pod(containers=containers)]).container == name
    one_each = [a_pod(name=f"pod-{each['name']}", containers=[each]) for each in containers]
    assert of_pods(one_each).pod == f"pod-{name}"


def test_how_it_ended_is_told() -> None:
    pod = a_pod(containers=[a_container(lastState=ended(137, "OOMKilled"))])
    assert of_pods([pod]) == Evidence(
        pod="churn-0b1d77e2-abc", container="main", terminated_reason="OOMKilled", exit_code=137
    )


def test_an_init_container_that_failed_tells_more_than_the_one_that_waits_for_it() -> None:
    pod = a_pod(init=[CRASHED], containers=[a_container(state=waiting("PodInitializing"))])
    assert of_pods([pod]).container == "crashed"


def test_an_init_container_that_has_done_its_work_is_not_asked() -> None:
    pod = a_pod(init=[a_container("init", ready=True, state=ended(0, "Completed"))], containers=[UNREADY])
    assert of_pods([pod]).container == "unready"


def test_a_pod_that_is_going_was_told_to_end() -> None:
    leaving = a_pod(name="leaving", leaving=True, containers=[CRASHED])
    assert of_pods([leaving, a_pod(containers=[READY])]).pod == "churn-0b1d77e2-abc"
    assert of_pods([leaving]) == Evidence()


@pytest.mark.parametrize("pods", [[], [a_pod()], [{"metadata": {"name": "new", "namespace": "models"}}]])
def test_without_a_container_there_is_no_evidence(pods: list[dict[str, Any]]) -> None:
    assert of_pods(pods) == Evidence()


@pytest.mark.parametrize(
    ("container", "previous"),
    [
        pytest.param(CRASHED, False, id="it ended and was not started again"),
        pytest.param(a_container(state=ended(2), lastState=ended(1)), False, id="it ended again just now"),
        pytest.param(a_container(lastState=ended()), True, id="it runs again"),
        pytest.param(
            a_container(state=waiting("CrashLoopBackOff"), lastState=ended()),
            True,
            id="it waits to run again",
        ),
        pytest.param(UNREADY, False, id="it runs for the first time"),
    ],
)
def test_whose_log_is_asked_for(container: dict[str, Any], previous: bool) -> None:
    found = evidence_source([a_pod(containers=[container])])
    assert found
    assert found.previous is previous


def test_in_the_status_nothing_is_empty() -> None:
    assert to_status(Evidence()) == {}
    assert to_status(Evidence(pod="p", exit_code=0)) == {"pod": "p", "exitCode": 0}
    whole = Evidence(pod="p", container="c", terminated_reason="Error", exit_code=3, log="l", http="h")
    assert to_status(whole) == {
        "pod": "p", "container": "c", "terminatedReason": "Error", "exitCode": 3, "log": "l", "http": "h"
    }  # fmt: skip


def test_in_the_status_nothing_is_longer_than_the_schema_allows() -> None:
    much = "x" * 9999
    status = to_status(Evidence(terminated_reason=much, log=much, http=much))
    assert [len(status[name]) for name in ("terminatedReason", "log", "http")] == [126, 2048, 2048]


class LogServer:
    """An API server that has logs, one for each value of `previous`, and notes what it was asked for."""

    def __init__(self) -> None:
        self.logs = {"": "first\nTOKEN=hunter22\nends\n", "true": "the run before\n"}
        self.status = 200
        self.busy: asyncio.Event | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.events: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.query)))
        if self.busy:
            await self.busy.wait()
        if self.status != 200:
            return web.json_response({"reason": "BadRequest", "message": "no log"}, status=self.status)
        if request.path.endswith("/events"):
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": self.events})
        return web.Response(text=self.logs[request.query.get("previous", "")])


def kubeconfig(folder: Path, server: str) -> Path:
    cluster = {"name": "c", "cluster": {"server": server}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    parts = {"clusters": [cluster], "users": [{"name": "u", "user": {}}], "contexts": [context]}
    file = folder / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x", **parts}))
    return file


@pytest.fixture
def server() -> LogServer:
    return LogServer()


@pytest.fixture
async def kube(server: LogServer, tmp_path: Path) -> AsyncIterator[Kube]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with await Kube.from_kubeconfig(kubeconfig(tmp_path, server_url)) as kube:
        yield kube
    await runner.cleanup()


async def test_the_log_of_the_container_that_ended_is_shown(server: LogServer, kube: Kube) -> None:
    found = await collect([a_pod(containers=[CRASHED])], ("ends",), kube)
    assert found == Evidence(
        pod="churn-0b1d77e2-abc", container="crashed", terminated_reason="Error", exit_code=3,
        log="first\nTOKEN=***\n***",
    )  # fmt: skip
    asked = dict(server.asked)
    query = asked.pop("/api/v1/namespaces/models/pods/churn-0b1d77e2-abc/log")
    assert query == {"container": "crashed", "tailLines": "300", "limitBytes": "262144"}
    events = asked.pop("/api/v1/namespaces/models/events")["fieldSelector"]
    assert events == "involvedObject.kind=Pod,involvedObject.name=churn-0b1d77e2-abc,reason=Unhealthy"
    assert not asked


def unhealthy(message: str, place: str = "spec.containers{main}", **more: Any) -> dict[str, Any]:
    metadata = {"name": "x", "namespace": "models", "uid": "uid-event", "resourceVersion": "1"}
    return {"metadata": metadata, "involvedObject": {"fieldPath": place}, "message": message, **more}


async def test_the_probe_that_ended_a_container_is_told(server: LogServer, kube: Kube) -> None:
    server.events = [unhealthy("Liveness probe failed: HTTP probe failed with statuscode: 404")]
    found = await collect([a_pod(containers=[a_container(lastState=ended(143))])], (), kube)
    assert found.probe == "Liveness probe failed: HTTP probe failed with statuscode: 404"


LIVENESS, READINESS = "Liveness probe failed: a", "Readiness probe failed: b"


@pytest.mark.parametrize(
    ("container", "events", "probe"),
    [
        pytest.param(a_container(), [unhealthy(LIVENESS), unhealthy(READINESS)], READINESS, id="it is not ready"),
        pytest.param(a_container(lastState=ended(143)), [unhealthy(READINESS), unhealthy(LIVENESS)], LIVENESS,
                     id="it was told to end"),
        pytest.param(a_container(lastState=ended(1)), [unhealthy(LIVENESS)], "", id="it ended by itself"),
        pytest.param(a_container(lastState=ended(137, "OOMKilled")), [unhealthy(LIVENESS)], "", id="no memory"),
        pytest.param(a_container(), [unhealthy(READINESS, "spec.containers{proxy}")], "", id="another container"),
        pytest.param(a_container(), [unhealthy(READINESS, "")], READINESS, id="a node that names no container"),
        pytest.param(a_container(), [unhealthy("Readiness probe failed: 1", lastTimestamp="2026-11-21T12:00:09Z"),
                                     unhealthy("Readiness probe failed: 2", lastTimestamp="2026-11-21T12:00:07Z")],
                     "Readiness probe failed: 1", id="the newest counts"),
        pytest.param(a_container(), [unhealthy('Readiness probe failed: Get "http://10.97.0.5:3000/readyz": refused')],
                     'Readiness probe failed: Get "/readyz": refused', id="the address of a pod says nothing"),
        pytest.param(a_container(), [{"message": 7}, {"involvedObject": None, "message": "Readiness"}], "Readiness",
                     id="odd events"),
        pytest.param(a_container(), [], "", id="no event"),
    ],
)  # fmt: skip
def test_a_failed_probe_explains_what_it_can(
    container: dict[str, Any], events: list[dict[str, Any]], probe: str
) -> None:
    source = evidence_source([a_pod(containers=[container])])
    assert source
    assert last_probe_failure(source, events) == probe


@pytest.mark.parametrize(
    ("main", "sidecar", "told"),
    [
        pytest.param(
            {"ready": True}, {"lastState": ended(137)}, "main", id="only the model's can fail requests"
        ),
        pytest.param({"lastState": ended(1)}, {"lastState": ended(137)}, "main", id="both ended"),
        pytest.param(
            {"state": waiting("PodInitializing")}, {"lastState": ended(1)}, "proxy", id="it never ran"
        ),
    ],
)
def test_the_container_of_the_model_tells_more_than_one_beside_it(
    main: dict[str, Any], sidecar: dict[str, Any], told: str
) -> None:
    pod = a_pod(containers=[a_container("proxy", **sidecar), a_container("main", **main)])
    assert of_pods([pod]).container == told


async def test_of_a_container_that_runs_again_the_run_before_is_shown(server: LogServer, kube: Kube) -> None:
    found = await collect([a_pod(containers=[a_container(lastState=ended())])], (), kube)
    assert found.log == "the run before"


async def test_without_pods_nobody_is_asked(server: LogServer, kube: Kube) -> None:
    assert await collect([], (), kube) == Evidence()
    assert server.asked == []


@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_a_log_that_is_refused_is_left_out(server: LogServer, kube: Kube, status: int) -> None:
    server.status = status
    found = await collect([a_pod(containers=[CRASHED])], (), kube)
    assert (found.container, found.exit_code, found.log) == ("crashed", 3, "")


async def test_a_log_that_takes_too_long_is_left_out(
    server: LogServer, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_evidence, "PATIENCE", 0.2)
    server.busy = asyncio.Event()
    began = time.monotonic()
    found = await collect([a_pod(containers=[CRASHED])], (), kube)
    assert time.monotonic() - began < 2
    assert (found.container, found.log) == ("crashed", "")
    server.busy.set()


async def test_an_api_server_that_is_away_is_no_error(tmp_path: Path) -> None:
    async with await Kube.from_kubeconfig(kubeconfig(tmp_path, "http://127.0.0.1:1")) as away:
        assert (await collect([a_pod(containers=[CRASHED])], (), away)).log == ""


async def test_a_line_that_was_cut_is_not_shown(server: LogServer, kube: Kube) -> None:
    server.logs[""] = ("whole\n" + "x" * pod_evidence.LARGEST)[: pod_evidence.LARGEST - 4] + "hunt"
    found = await collect([a_pod(containers=[CRASHED])], ("hunter22",), kube)
    assert found.log == "whole"
