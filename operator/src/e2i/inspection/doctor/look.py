"""Reads what the checks need from a cluster. It changes nothing; what the user may not read is left out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import aiohttp

from e2i import clock
from e2i.api.conditions import Reason
from e2i.controller.core.evidence.refusals import write_refusal
from e2i.inspection.doctor.cluster_checks import CRDS, SECRETS, YATAI_DEPLOYMENT, secret_of
from e2i.inspection.doctor.deployments import deployment
from e2i.inspection.doctor.facts import Installation, Operator
from e2i.inspection.doctor.policies import CONFIG_MAPS, read_policies
from e2i.inspection.doctor.rights import NEEDED, OF_ITS_LEASE, Right
from e2i.inspection.doctor.settings import OPERATOR, read_operator
from e2i.kube import ApiError, Kube, Object, Resource
from e2i.kube.e2i_kinds import DEPLOYMENTS, E2I_MODELS, LEASES, PODS
from e2i.kube.e2i_kinds import SECRETS as SECRET
from e2i.kube.exchange import Response, exchange
from e2i.kube.local_service import SERVICES, local_address

T = TypeVar("T")

CRD = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", False)
REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NAMESPACE = "e2i-system"
"""Where an operator is installed if nobody chose another namespace."""
LOG_LINES, LOG_BYTES = 2000, 1_000_000
HEALTH_TIMEOUT = 10.0


async def look(kube: Kube, namespace: str = "") -> Installation:
    """Return what is to be seen of the installation; ApiError if the API server does not answer at all.

    Where there are several operators, it is the one in `namespace`, if one is there.
    """
    version = await kube.request("GET", "/version")
    deployments = await _allowed(kube.list(DEPLOYMENTS))
    found = tuple(deployments[0]) if deployments else None
    installed = sorted(_operators(found or ()), key=lambda each: each["metadata"]["namespace"] != namespace)
    operators = tuple([await read_operator(kube, each) for each in installed])
    operator, first = (installed[0], operators[0]) if operators else (None, None)
    yatai = deployment(found, YATAI_DEPLOYMENT) if found else None
    policies = await read_policies(kube)
    return Installation(
        version=str(version.get("gitVersion", "")),
        crds=await _crds(kube),
        deployments=found,
        operators=operators,
        secrets={
            place: await _is_there(kube, SECRET, *place)
            for place in (secret_of(found, name) for name in SECRETS)
        },
        network=await _is_there(kube, CONFIG_MAPS, yatai["metadata"]["namespace"], "network")
        if yatai
        else None,
        lease=await _allowed(_lease(kube, first)),
        health=await _health(kube, operator) if operator else None,
        log=await _log(kube, operator) if operator else None if found is None else (),
        account=await _is_there(kube, SERVICE_ACCOUNTS, first.namespace, _account(operator))
        if operator and first
        else None,
        **await _rights(kube, operator, first),
        strays=None if found is None else await _strays(kube, operators),
        policies=policies and policies[0],
        broken_bindings=policies[1] if policies else (),
        metrics=await _metrics(kube),
        server_time=clock.now(),
        own_time=clock.wall(),
    )


def _operators(deployments: Iterable[Object]) -> Iterator[Object]:
    for each in deployments:
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/name") == OPERATOR:
            yield each


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


async def _lease(kube: Kube, operator: Operator | None) -> Object:
    """Return the operator's Lease; without an operator the one that it has if nobody chose another."""
    namespace, name = (operator.namespace, operator.lease_name) if operator else (NAMESPACE, OPERATOR)
    return await kube.get(LEASES, namespace, name) or {}


async def _health(kube: Kube, operator: Object) -> Mapping[str, Any] | None:
    """Return the operator's answer on /readyz; None where nothing leads to its pod.

    On the local cluster the Service is asked directly: there the API server's proxy cannot reach pods.
    """
    namespace, labels = operator["metadata"]["namespace"], _pod_labels(operator)
    try:
        services, _ = await kube.list(SERVICES, namespace, labels=f"app.kubernetes.io/name={OPERATOR}")
        for service in services:
            spec, name = service["spec"], service["metadata"]["name"]
            port = next((each["port"] for each in spec["ports"] if each.get("name") == "health"), None)
            if port and spec.get("selector", {}).items() <= labels.items():
                return _told(await _asked(kube, namespace, name, port))
    except ApiError:
        pass
    return None


async def _asked(kube: Kube, namespace: str, name: str, port: int) -> Response:
    if local := await local_address(kube, namespace, name):
        async with aiohttp.ClientSession(trust_env=False) as http:
            return await exchange(http, "GET", f"http://{local}:{port}/readyz", None, {}, HEALTH_TIMEOUT)
    path = f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy/readyz"
    return await kube.forward("GET", path, None, {}, HEALTH_TIMEOUT)


def _told(answer: Response) -> Mapping[str, Any] | None:
    told = _parsed(answer.body)
    return {**told, "code": answer.status} if told is not None and "unready" in told else None


def _pod_labels(operator: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = operator["spec"]["template"]["metadata"].get("labels", {})
    return labels


async def _log(kube: Kube, operator: Object) -> tuple[Mapping[str, Any], ...] | None:
    lines: list[Mapping[str, Any]] = []
    namespace = operator["metadata"]["namespace"]
    chosen = ",".join(
        f"{name}={value}" for name, value in operator["spec"]["selector"]["matchLabels"].items()
    )
    try:
        pods, _ = await kube.list(PODS, namespace, labels=chosen)
        for pod in pods:
            name = pod["metadata"]["name"]
            text = await kube.log(namespace, name, "operator", lines=LOG_LINES, limit=LOG_BYTES)
            lines += filter(None, map(_parsed, text.splitlines()))
    except ApiError:
        return None
    return tuple(lines)


def _parsed(line: str | bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _strays(kube: Kube, operators: tuple[Operator, ...]) -> tuple[str, ...] | None:
    """Return the models without a status in namespaces that no operator has."""
    if not operators or not all(each.namespaces for each in operators):
        return ()
    models = await _allowed(kube.list(E2I_MODELS))
    known = {name for each in operators for name in each.namespaces}
    return models and tuple(
        f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in models[0]
        if each["metadata"]["namespace"] not in known and not each.get("status")
    )


def _account(operator: Mapping[str, Any]) -> str:
    return str(operator["spec"]["template"]["spec"].get("serviceAccountName", "default"))


async def _rights(kube: Kube, operator: Object | None, first: Operator | None) -> dict[str, Any]:
    """Return the facts about the rights that the operator lacks, or why they could not be asked for."""
    if not operator or not first:
        return {"refused": None}
    try:
        return {"refused": await _refused(kube, operator, first.namespaces or ("",))}
    except ApiError as error:
        known = write_refusal(error.message)
        if known is None:
            _must_be_refusal(error)
        told = known is not None and known[0] is not Reason.RightMissing
        return {"refused": None, "not_asked": error.message if told else ""}


async def _refused(kube: Kube, operator: Mapping[str, Any], namespaces: tuple[str, ...]) -> tuple[str, ...]:
    user = f"system:serviceaccount:{operator['metadata']['namespace']}:{_account(operator)}"
    asked = [(right, place) for place in namespaces for right in NEEDED]
    asked += [(right, operator["metadata"]["namespace"]) for right in OF_ITS_LEASE]
    answers = await asyncio.gather(*(_may(kube, user, right, place) for right, place in asked))
    pairs = zip(asked, answers, strict=True)
    return tuple(f"{right}{f' in {place}' if place else ''}" for (right, place), may in pairs if not may)


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
