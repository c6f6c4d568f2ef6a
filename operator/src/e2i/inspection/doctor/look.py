"""Reads what the checks need from a cluster. It changes nothing; what the user may not read is left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import aiohttp

from e2i import clock
from e2i.inspection.doctor.cluster_checks import CRDS, SECRETS, YATAI_DEPLOYMENT, secret_of
from e2i.inspection.doctor.deployments import containers, deployment
from e2i.inspection.doctor.facts import Installation
from e2i.inspection.doctor.policies import CONFIG_MAPS, read_policies
from e2i.inspection.doctor.rights import NEEDED, Right
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import DEPLOYMENTS, E2I_MODELS, LEASES, PODS
from e2i.kube.e2i_kinds import SECRETS as SECRET
from e2i.kube.exchange import exchange
from e2i.kube.local_service import local_address

T = TypeVar("T")

CRD = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", False)
REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NAMESPACE, NAME = "e2i-system", "e2i-operator"
LOG_LINES, LOG_BYTES = 2000, 1_000_000
HEALTH_PORT, HEALTH_TIMEOUT = 8080, 10.0


async def look(kube: Kube) -> Installation:
    """Return what is to be seen of the installation; ApiError if the API server does not answer at all."""
    version = await kube.request("GET", "/version")
    deployments = await _allowed(kube.list(DEPLOYMENTS))
    found = tuple(deployments[0]) if deployments else None
    operator = deployment(found, NAME) if found else None
    namespace = operator["metadata"]["namespace"] if operator else NAMESPACE
    yatai = deployment(found, YATAI_DEPLOYMENT) if found else None
    namespaces = await _namespaces(kube, operator) if operator else ()
    policies = await read_policies(kube)
    return Installation(
        version=str(version.get("gitVersion", "")),
        crds=await _crds(kube),
        deployments=found,
        secrets={
            place: await _is_there(kube, SECRET, *place)
            for place in (secret_of(found, name) for name in SECRETS)
        },
        network=await _is_there(kube, CONFIG_MAPS, yatai["metadata"]["namespace"], "network")
        if yatai
        else None,
        lease=await _allowed(_lease(kube, namespace)),
        health=await _health(kube, namespace),
        log=await _log(kube, namespace),
        account=await _is_there(kube, SERVICE_ACCOUNTS, namespace, _account(operator)) if operator else None,
        refused=await _refused(kube, operator, namespaces or ("",)) if operator else None,
        namespaces=namespaces,
        strays=await _strays(kube, namespaces) if namespaces else None if found is None else (),
        policies=policies and policies[0],
        broken_bindings=policies[1] if policies else (),
        metrics=await _metrics(kube),
        server_time=clock.now(),
        own_time=clock.wall(),
    )


async def _crds(kube: Kube) -> Mapping[str, Object | None] | None:
    try:
        return {name: await kube.get(CRD, None, name) for name in CRDS}
    except ApiError as error:
        _must_be_refusal(error)
        return None


async def _is_there(kube: Kube, resource: Resource, namespace: str, name: str) -> bool | None:
    try:
        return await kube.get(resource, namespace, name) is not None
    except ApiError as error:
        _must_be_refusal(error)
        return None


async def _lease(kube: Kube, namespace: str) -> Object:
    return await kube.get(LEASES, namespace, NAME) or {}


async def _health(kube: Kube, namespace: str) -> Mapping[str, Any] | None:
    """Return the operator's answer on /readyz; None where nothing leads to its pod.

    On the local cluster the Service is asked directly: there the API server's proxy cannot reach pods.
    """
    path = f"/api/v1/namespaces/{namespace}/services/{NAME}:{HEALTH_PORT}/proxy/readyz"
    try:
        if local := await local_address(kube, namespace, NAME):
            async with aiohttp.ClientSession(trust_env=False) as http:
                url = f"http://{local}:{HEALTH_PORT}/readyz"
                answer = await exchange(http, "GET", url, None, {}, HEALTH_TIMEOUT)
        else:
            answer = await kube.forward("GET", path, None, {}, HEALTH_TIMEOUT)
        told = json.loads(answer.body)
    except (ApiError, ValueError):
        return None
    return {**told, "code": answer.status} if isinstance(told, dict) and "unready" in told else None


async def _log(kube: Kube, namespace: str) -> tuple[Mapping[str, Any], ...] | None:
    lines: list[Mapping[str, Any]] = []
    try:
        pods, _ = await kube.list(PODS, namespace, labels=f"app.kubernetes.io/name={NAME}")
        for pod in pods:
            name = pod["metadata"]["name"]
            text = await kube.log(namespace, name, "operator", lines=LOG_LINES, limit=LOG_BYTES)
            lines += filter(None, map(_parsed, text.splitlines()))
    except ApiError:
        return None
    return tuple(lines)


def _parsed(line: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _strays(kube: Kube, namespaces: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the models outside of `namespaces` that have no status."""
    models = await _allowed(kube.list(E2I_MODELS))
    return models and tuple(
        f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in models[0]
        if each["metadata"]["namespace"] not in namespaces and not each.get("status")
    )


def _account(operator: Mapping[str, Any]) -> str:
    return str(operator["spec"]["template"]["spec"].get("serviceAccountName", "default"))


async def _refused(
    kube: Kube, operator: Mapping[str, Any], namespaces: tuple[str, ...]
) -> tuple[str, ...] | None:
    user = f"system:serviceaccount:{operator['metadata']['namespace']}:{_account(operator)}"
    asked = [(right, place) for place in namespaces for right in NEEDED]
    answers = await _allowed(asyncio.gather(*(_may(kube, user, right, place) for right, place in asked)))
    if answers is None:
        return None
    pairs = zip(asked, answers, strict=True)
    return tuple(f"{right}{f' in {place}' if place else ''}" for (right, place), may in pairs if not may)


async def _namespaces(kube: Kube, operator: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the operator's namespaces by its setting; none for the whole cluster."""
    for container in containers(operator):
        for each in container.get("env", ()):
            if each["name"] == "E2I_NAMESPACES" and each.get("value"):
                return tuple(str(each["value"]).split(","))
        for source in container.get("envFrom", ()):
            if name := source.get("configMapRef", {}).get("name"):
                found = await _allowed(kube.get(CONFIG_MAPS, operator["metadata"]["namespace"], name))
                if listed := (found or {}).get("data", {}).get("E2I_NAMESPACES"):
                    return tuple(str(listed).split(","))
    return ()


async def _may(kube: Kube, user: str, right: Right, namespace: str) -> bool:
    attributes = {
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "namespace": namespace,
    }
    if right.subresource:
        attributes["subresource"] = right.subresource
    spec = {"user": user, "groups": ["system:authenticated"], "resourceAttributes": attributes}
    body = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "spec": spec}
    answer = await kube.request("POST", REVIEWS.path(), body=body)
    return bool(answer.get("status", {}).get("allowed"))


async def _metrics(kube: Kube) -> bool | None:
    try:
        found = await kube.get(API_SERVICES, None, "v1beta1.metrics.k8s.io")
    except ApiError as error:
        _must_be_refusal(error)
        return None
    conditions = (found or {}).get("status", {}).get("conditions", ())
    return any((each["type"], each["status"]) == ("Available", "True") for each in conditions)


async def _allowed(reading: Awaitable[T]) -> T | None:
    """Return the answer, or None if the user may not have it."""
    try:
        return await reading
    except ApiError as error:
        _must_be_refusal(error)
        return None


def _must_be_refusal(error: ApiError) -> None:
    if error.status != 403:
        raise error
