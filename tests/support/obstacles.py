"""What can befall a release in a real cluster: policies, a quota, an image that is gone, requests, a drained node."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator

from support.e2e import DOWNLOAD_SECRET, address
from support.load import load
from support.rollouts import switched
from support.stage import Stage

from e2i.api import naming
from e2i.kube import ApiError, Object, Resource
from e2i.kube.e2i_kinds import DEPLOYMENTS, POD_POLICIES, PODS, SECRETS, SERVICES

_ADMISSION = "admissionregistration.k8s.io"
_VALIDATING = Resource(
    _ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
MISSING_SECRET = "churn-token"


@contextlib.asynccontextmanager
async def nothing(stage: Stage, model: str) -> AsyncIterator[None]:
    yield


@contextlib.asynccontextmanager
async def quota_of_one_pod(stage: Stage, model: str) -> AsyncIterator[None]:
    body = {"metadata": {"name": "small-team"}, "spec": {"hard": {"pods": "1"}}}
    await stage.kube.create(QUOTAS, stage.namespace, body)

    async def counted() -> bool:
        quota = await stage.child(QUOTAS, "small-team")
        return bool(quota and quota.get("status", {}).get("used"))

    await stage.until(counted, "the quota to be counted")
    yield


@contextlib.asynccontextmanager
async def builds_have_no_secret(stage: Stage, model: str) -> AsyncIterator[None]:
    """Delete the Secret with which builds of the namespace download their bento."""
    await stage.kube.delete(SECRETS, stage.namespace, DOWNLOAD_SECRET)
    yield


@contextlib.asynccontextmanager
async def image_is_gone(stage: Stage, model: str) -> AsyncIterator[None]:
    """Remove the image that the model's pod runs from the cluster's images; the pod goes on."""
    (pod,) = await _of_model(stage, PODS, model)
    image = pod["spec"]["containers"][0]["image"]
    (file,) = [
        each for each in stage.home.images.glob("*.json") if json.loads(each.read_text())["name"] == image
    ]
    file.unlink()
    yield


@contextlib.asynccontextmanager
async def deployments_are_refused(stage: Stage, model: str) -> AsyncIterator[None]:
    """A ValidatingAdmissionPolicy that refuses new Deployments of this model."""
    async with _refused(stage, model, DEPLOYMENTS, "apps", "object.spec.template.metadata.labels"):
        yield


@contextlib.asynccontextmanager
async def pods_are_refused(stage: Stage, model: str) -> AsyncIterator[None]:
    """A ValidatingAdmissionPolicy that refuses new pods of this model."""
    async with _refused(stage, model, PODS, "", "object.metadata.labels"):
        yield


@contextlib.asynccontextmanager
async def _refused(stage: Stage, model: str, kind: Resource, group: str, labels: str) -> AsyncIterator[None]:
    spec = {
        "matchConstraints": _matching(stage, group, kind.plural),
        "validations": [
            {
                "expression": f"!('{naming.MODEL_LABEL}' in {labels}) || {labels}['{naming.MODEL_LABEL}'] != '{model}'",
                "message": "images of this team have to be signed first",
            }
        ],
    }
    (there,) = await _of_model(stage, kind, model)
    async with _policy(stage, _VALIDATING, model, spec, {"validationActions": ["Deny"]}):

        async def refused() -> bool:
            return await _dry_run(stage, kind, there) is None

        await stage.until(refused, "the policy to be in force")
        yield


@contextlib.asynccontextmanager
async def token_is_asked_for(stage: Stage, model: str) -> AsyncIterator[None]:
    """A MutatingAdmissionPolicy that gives this model's new pods a variable from a Secret that is not there."""
    variable = (
        'Object.spec.containers.env{name: "TOKEN", valueFrom: Object.spec.containers.env.valueFrom{secretKeyRef: '
        f'Object.spec.containers.env.valueFrom.secretKeyRef{{name: "{MISSING_SECRET}", key: "token"}}}}}}'
    )
    expression = f'[JSONPatch{{op: "add", path: "/spec/containers/0/env/-", value: {variable}}}]'
    spec = {
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            **_matching(stage, "", "pods"),
            "objectSelector": {"matchLabels": {naming.MODEL_LABEL: model}},
        },
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    (there,) = await _of_model(stage, PODS, model)
    async with _policy(stage, await _served_policies(stage), model, spec, {}):

        async def given() -> bool:
            made = await _dry_run(stage, PODS, there)
            return made is not None and MISSING_SECRET in json.dumps(made["spec"])

        await stage.until(given, "the policy to be in force")
        yield


@contextlib.asynccontextmanager
async def requests_come(stage: Stage, model: str, before: str) -> AsyncIterator[None]:
    """Ten a second, to the model's address."""
    async with load(await address(stage, model), 10):
        yield


@contextlib.asynccontextmanager
async def pods_are_deleted(stage: Stage, model: str, before: str) -> AsyncIterator[None]:
    """Those of the release that takes the address from `before`."""
    await switched(stage, model, before)
    selector = (await stage.child(SERVICES, model) or {})["spec"]["selector"]
    pods, _ = await stage.kube.list(PODS, stage.namespace, labels=naming.label_selector(selector))
    for pod in pods:
        await stage.kube.delete(PODS, stage.namespace, pod["metadata"]["name"])
    yield


def _matching(stage: Stage, group: str, plural: str) -> Object:
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}}
    return {"namespaceSelector": here, "resourceRules": [rule]}


async def _served_policies(stage: Stage) -> Resource:
    """Return the kind of policies that change pods, in the first version that the API server has."""
    for kind in POD_POLICIES:
        with contextlib.suppress(ApiError):
            await stage.kube.list(kind, None)
            return kind
    raise AssertionError("the API server has no policies that change pods")


@contextlib.asynccontextmanager
async def _policy(
    stage: Stage, kind: Resource, model: str, spec: Object, binding: Object
) -> AsyncIterator[None]:
    """The policy and its binding; both hold for the whole cluster, so they go with the block."""
    name = f"{stage.namespace}-{model}"
    bindings = Resource(
        kind.group,
        kind.version,
        kind.plural.replace("policies", "policybindings"),
        f"{kind.kind}Binding",
        namespaced=False,
    )
    await stage.kube.create(kind, None, {"metadata": {"name": name}, "spec": spec})
    try:
        await stage.kube.create(
            bindings, None, {"metadata": {"name": name}, "spec": {"policyName": name, **binding}}
        )
        yield
    finally:
        await stage.kube.delete(bindings, None, name)
        await stage.kube.delete(kind, None, name)


async def _dry_run(stage: Stage, kind: Resource, there: Object) -> Object | None:
    """What would be made of another object like this one; None when it would be refused."""
    labels = there["metadata"]["labels"]
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"generateName": "dry-run-", "labels": labels},
        "spec": {key: value for key, value in there["spec"].items() if key != "nodeName"},
    }
    try:
        return await stage.kube.request(
            "POST", kind.path(stage.namespace), body=body, query={"dryRun": "All"}
        )
    except ApiError as error:
        if error.status not in (403, 422):
            raise
        return None


async def _of_model(stage: Stage, kind: Resource, model: str) -> list[Object]:
    """Those that Yatai made: they know their model by the labels of their pods."""
    found, _ = await stage.kube.list(kind, stage.namespace)
    return [each for each in found if _pod_labels(each).get(naming.MODEL_LABEL) == model]


def _pod_labels(found: Object) -> Object:
    labels: Object = found["spec"].get("template", found)["metadata"].get("labels", {})
    return labels
