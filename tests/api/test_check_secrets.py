"""Checks whose headers have values from Secrets, with the operator's shipped rights on a real API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.operating import Operator
from support.rawserver import RawServer, Request
from support.stage import Stage

from e2i.api import naming
from e2i.kube import Object, Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, E2I_MODELS, EVENTS, SECRETS, SERVICES

pytestmark = [pytest.mark.api, pytest.mark.usefixtures("operator")]

ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
OPERATOR = {"kind": "ServiceAccount", "name": "e2i-operator", "namespace": "e2i-system"}
OLD, NEW = "old-token-6f1c", "new-token-92ab"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"ok"'
ROLLOUT = {"scaleDownDelaySeconds": 0}


async def test_a_header_from_a_secret_is_sent_once_it_can_be_read_and_as_it_is_then(
    stage: Stage, operator: Operator
) -> None:
    """One model for each state of its Secret: they wait side by side, and go on by themselves."""
    await write_secret(stage, "wrong-key", {"other": OLD})
    await write_secret(stage, "forbidden", {"token": OLD})
    await write_secret(stage, "fine", {"token": OLD})
    await allow(stage, "fine", "missing", "wrong-key")
    names = ("fine", "missing", "wrong-key", "forbidden")
    for name in names:
        await stage.create(name, rollout={**ROLLOUT, "verify": [check(name)]})
    async with answering(stage, *names) as servers:
        await stage.ready("fine")
        assert authorizations(servers["fine"]) == {f"Bearer {OLD}"}
        assert "there is no Secret missing" in await waiting(stage, "missing")
        assert "there is no key token of Secret wrong-key" in await waiting(stage, "wrong-key")
        assert "may not read Secret forbidden" in await waiting(stage, "forbidden")
        assert not any(servers[name].requests for name in names[1:]), "nothing is asked without the header"

        await write_secret(stage, "missing", {"token": NEW})
        await write_secret(stage, "wrong-key", {"token": NEW})
        await allow(stage, *names)
        await stage.ready(*names)
        assert authorizations(servers["missing"]) == {f"Bearer {NEW}"}
        assert authorizations(servers["wrong-key"]) == {f"Bearer {NEW}"}
        assert authorizations(servers["forbidden"]) == {f"Bearer {OLD}"}
        for name in names:
            assert not (await stage.model(name))["status"].get("failedReleases")
    assert await leaks(stage, operator) == []


async def test_a_secret_that_was_rotated_is_read_again_by_the_next_release(
    stage: Stage, operator: Operator
) -> None:
    await write_secret(stage, "fine", {"token": OLD})
    await allow(stage, "fine")
    await stage.create("fine", rollout={**ROLLOUT, "verify": [check("fine")]})
    async with answering(stage, "fine") as servers:
        await stage.ready("fine")
        assert authorizations(servers["fine"]) == {f"Bearer {OLD}"}
    await write_secret(stage, "fine", {"token": NEW})
    first = (await stage.model("fine"))["status"]["servingRelease"]
    await stage.change("fine", env=[{"name": "LEVEL", "value": "2"}])
    async with answering(stage, "fine", but=first) as servers:
        await stage.ready("fine")
        assert authorizations(servers["fine"]) == {f"Bearer {NEW}"}
    assert await leaks(stage, operator) == []


def check(secret: str) -> Object:
    header = {
        "name": "Authorization",
        "value": "Bearer ",
        "valueFrom": {"secretKeyRef": {"name": secret, "key": "token"}},
    }
    return {
        "path": "/predict",
        "method": "GET",
        "prediction": False,
        "headers": [header],
        "expect": {"body": '"ok"'},
    }


async def write_secret(stage: Stage, name: str, values: Object) -> None:
    body = {"metadata": {"name": name, "namespace": stage.namespace}, "stringData": values}
    if await stage.kube.get(SECRETS, stage.namespace, name):
        await stage.kube.delete(SECRETS, stage.namespace, name)
    await stage.kube.create(SECRETS, stage.namespace, body)


async def allow(stage: Stage, *secrets: str) -> None:
    """As docs/howto/verify.md tells it: a Role of these Secrets alone."""
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": list(secrets), "verbs": ["get"]}]
    role = f"checks-{len(secrets)}"
    await stage.kube.create(ROLES, stage.namespace, {"metadata": {"name": role}, "rules": rules})
    to = {"apiGroup": ROLES.group, "kind": "Role", "name": role}
    body = {"metadata": {"name": role}, "roleRef": to, "subjects": [OPERATOR]}
    await stage.kube.create(BINDINGS, stage.namespace, body)


async def waiting(stage: Stage, name: str) -> str:
    """The message of a model that waits for its Secret, while the node is played."""
    await stage.start_pods()
    return await stage.reason("SecretUnreadable", name)


@contextlib.asynccontextmanager
async def answering(stage: Stage, *models: str, but: str = "") -> AsyncIterator[dict[str, RawServer]]:
    """Play the models: each release, except `but`, answers at the address of its Service."""
    servers = {name: RawServer(lambda _: ANSWER) for name in models}
    async with contextlib.AsyncExitStack() as stack:
        for name in models:
            address = await stage.until(
                lambda name=name: _address(stage, name, but), f"the Service of {name}"
            )
            serving = await asyncio.start_server(servers[name].serve, address, naming.SERVICE_PORT)
            await stack.enter_async_context(serving)
        yield servers


async def _address(stage: Stage, model: str, but: str) -> Any:
    await stage.end_builds()
    labels = f"{naming.MODEL_LABEL}={model}"
    found, _ = await stage.kube.list(BENTO_DEPLOYMENTS, stage.namespace, labels=labels)
    names = [item["metadata"]["name"] for item in found]
    made = [await stage.child(SERVICES, name) for name in names if name != naming.release_name(model, but)]
    return next((service["spec"]["clusterIP"] for service in made if service), None)


def authorizations(server: RawServer) -> set[str]:
    asked: list[Request] = [request for request in server.requests if request.path == "/predict"]
    return {request.headers.get("authorization", "") for request in asked}


async def leaks(stage: Stage, operator: Operator) -> list[str]:
    """Where a token stands although only the model may see it."""
    assert stage.home
    texts = {"the log": operator.log.read_text()}
    for kind in (E2I_MODELS, EVENTS, BENTO_DEPLOYMENTS):
        found, _ = await stage.kube.list(kind, stage.namespace)
        texts[kind.plural] = str(found)
    files = [
        path for path in stage.home.bucket_data.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20
    ]
    texts |= {str(path): path.read_bytes().decode("utf-8", "replace") for path in files}
    return [where for where, text in texts.items() if OLD in text or NEW in text]
