"""`kubectl e2i ask` as a process: through a real API server's Service proxy to a real HTTP backend."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from support.cluster import TestCluster
from support.model_bodies import told
from support.operating import installed
from support.stage import Stage, staging

from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import E2I_MODELS, PODS, SERVICES
from e2i.local.kubectl import kubectl

pytestmark = pytest.mark.api

PROGRAM = (sys.executable, "-c", "from e2i.cli.plugin import main; main()")
BODY = '{"input_data":  {"tenure": 1.50}}'
RELEASE = "0ef811ee"
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
ENDPOINTS = Resource("", "v1", "endpoints", "Endpoints")


def own_address() -> str:
    """An address of this machine that the API server passes requests on to: it refuses loopback ones."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only chooses the address that it would send from.
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback ones")
        address: str = probe.getsockname()[0]
    return address


async def answer(request: web.Request) -> web.Response:
    text = await request.text()
    if request.path == "/fail":
        return web.json_response({"error": "bad input"}, status=422)
    if request.path == "/slow":
        # Longer than the timeout of the test that asks here; its client goes away before, and the server does not wait.
        await asyncio.sleep(30)
    return web.json_response({"method": request.method, "path": str(request.rel_url), "body": text})


@pytest.fixture
async def stage(control_plane: TestCluster) -> AsyncIterator[Stage]:
    installed(control_plane, "installs the CRD of a cluster of its own")
    async with staging(control_plane) as made:
        yield made


@pytest.fixture
async def backend() -> AsyncIterator[tuple[str, int]]:
    """Address and port of an HTTP server that plays the model."""
    address = own_address()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, 0).start()
    yield address, runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def asked(stage: Stage, backend: tuple[str, int]) -> Stage:
    """A model whose Service leads to the backend, as it would to a pod of a node."""
    address, port = backend
    await stage.create()
    await write_status(stage, told("Ready", "True", "Ready", "it serves"))
    # Headless and without a selector: this control plane gives Services addresses of the machine, which are asked
    # directly, and its controllers want a node for each pod.
    service = {"metadata": {"name": "churn"}, "spec": {"clusterIP": "None", "ports": [{"port": 3000}]}}
    await stage.kube.create(SERVICES, stage.namespace, service)
    # A controller makes the account, and no pod is admitted before.
    await stage.until(lambda: stage.kube.get(ACCOUNTS, stage.namespace, "default"), "the account of the pods")
    await stage.kube.create(PODS, stage.namespace, pod())
    status = {"podIP": address, "podIPs": [{"ip": address}]}
    await stage.kube.patch(PODS, stage.namespace, "churn", {"status": status}, subresource="status")
    await stage.kube.create(ENDPOINTS, stage.namespace, endpoints(stage, address, port))
    await stage.until(lambda: is_reached(stage), "the Service to lead to the pod")
    return stage


async def is_reached(stage: Stage) -> bool:
    return (await run(stage, "--route", "/up")).code == 0


def endpoints(stage: Stage, address: str, port: int) -> Object:
    """The API server passes requests on to addresses of pods only."""
    target = {"kind": "Pod", "namespace": stage.namespace, "name": "churn"}
    subset = {"addresses": [{"ip": address, "targetRef": target}], "ports": [{"port": port}]}
    return {"metadata": {"name": "churn"}, "subsets": [subset]}


def pod() -> Object:
    spec = {"schedulerName": "nobody", "containers": [{"name": "main", "image": "none"}]}
    return {"metadata": {"name": "churn"}, "spec": spec}


async def write_status(stage: Stage, ready: Object, **status: object) -> None:
    body = {"status": {"observedGeneration": 1, "servingRelease": RELEASE, "conditions": [ready], **status}}
    await stage.kube.patch(E2I_MODELS, stage.namespace, "churn", body, subresource="status")


class Done:
    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()


async def run(stage: Stage, *arguments: str, stdin: str = "", **more: str) -> Done:
    environment = {**os.environ, "KUBECONFIG": str(stage.home.kubeconfig), **more}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *("ask", "churn", "-n", stage.namespace, *arguments),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
    assert b"Traceback" not in err
    return Done(process.returncode or 0, out, err)


async def test_a_request_goes_to_the_model_and_its_answer_comes_back(asked: Stage) -> None:
    done = await run(asked, "-d", BODY, "-v")
    assert done.code == 0
    assert json.loads(done.out) == {"method": "POST", "path": "/predict", "body": BODY}
    assert done.err.startswith("POST /predict through the API server's proxy: 200 OK in ")


async def test_a_body_comes_from_standard_input(asked: Stage) -> None:
    assert json.loads((await run(asked, "-d", "-", stdin=BODY)).out)["body"] == BODY


async def test_a_route_with_a_query_is_a_get(asked: Stage) -> None:
    done = await run(asked, "--route", "/info?a=1&b=%20x")
    assert json.loads(done.out) == {"method": "GET", "path": "/info?a=1&b=%20x", "body": ""}


async def test_an_error_of_the_model_is_printed_as_it_is(asked: Stage) -> None:
    done = await run(asked, "-d", BODY, "--route", "/fail")
    assert (done.code, json.loads(done.out), done.err) == (
        1,
        {"error": "bad input"},
        "HTTP 422 Unprocessable Entity\n",
    )


async def test_a_slow_model_is_given_up_after_the_timeout(asked: Stage) -> None:
    done = await run(asked, "-d", BODY, "--route", "/slow", "--timeout", "0.5")
    assert done.code == 2
    assert "churn did not answer within 0.5 s" in done.err


async def test_a_model_that_is_not_ready_is_asked_with_a_warning(asked: Stage) -> None:
    await write_status(asked, told("Ready", "False", "VerificationFailed", "it answered 3"))
    done = await run(asked, "-d", BODY)
    assert (done.code, json.loads(done.out)["body"]) == (0, BODY)
    assert done.err == (
        f"Warning: churn is not Ready (VerificationFailed: it answered 3). Release {RELEASE} serves and is asked.\n"
    )


async def test_who_may_read_models_only_is_told_both_rights(asked: Stage, tmp_path: Path) -> None:
    where, account = f"--namespace={asked.namespace}", f"--serviceaccount={asked.namespace}:guest"
    kubectl(asked.home, "create", "serviceaccount", "guest", where)
    config = yaml.safe_load(asked.home.kubeconfig.read_text())
    token = kubectl(asked.home, "create", "token", "guest", where).strip()
    config["users"][0]["user"] = {"token": token}
    (tmp_path / "guest").write_text(yaml.safe_dump(config))
    rules = ("--verb=get", "--resource=e2imodels.serving.e2i.dev", "--resource=services")
    kubectl(asked.home, "create", "role", "see", *rules, where)
    kubectl(asked.home, "create", "rolebinding", "see", "--role=see", account, where)
    path = os.pathsep.join([str(asked.home.kubectl.parent), os.environ["PATH"]])
    done = await run(asked, "-d", BODY, KUBECONFIG=str(tmp_path / "guest"), PATH=path)
    assert done.code == 2
    assert f"You may not create services/proxy in namespace {asked.namespace}" in done.err
    assert "Nor does a port-forward work: kubectl port-forward failed:" in done.err
    assert len(done.err.splitlines()) == 1


async def test_without_ready_pods_there_is_nothing_to_ask(asked: Stage) -> None:
    await asked.kube.patch(ENDPOINTS, asked.namespace, "churn", {"subsets": []})

    async def refused() -> Done | None:
        done = await run(asked, "-d", BODY)
        return done if done.code else None

    done = await asked.until(refused, "the Service to be empty")
    assert (done.code, done.err) == (
        2,
        "Error: No pod of churn is ready to take requests. Try again in a moment.\n",
    )


async def test_a_model_that_never_served_says_what_holds_it(stage: Stage) -> None:
    await stage.create()
    done = await run(stage, "-d", BODY)
    assert (done.code, done.out) == (2, "")
    assert "the operator has not seen it yet, and no release of it serves" in done.err
