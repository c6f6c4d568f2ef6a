"""Renders manifests: Python chooses the values, templates place them. Pure.

A template version is a folder of templates. A release keeps the version it was created with, so that an upgrade of
the operator replaces no pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from e2i.api import naming, pod_annotations, quantities
from e2i.api.artifact import Artifact
from e2i.api.conditions import timestamp
from e2i.api.model import RESTART_ANNOTATION, Autoscaling, Model, Shape
from e2i.controller.core import earlier_env
from e2i.controller.core.render.memory import memory_limit
from e2i.controller.core.render.pod_spec import add_pod_fields
from e2i.controller.core.render.templates import fill
from e2i.controller.core.render.yatai_amounts import yatai_amounts

Manifest = dict[str, Any]

CREDENTIALS_ANNOTATION = "yatai.ai/aws-access-key-secret-name"
"""Annotation that names for yatai-image-builder the Secret with which it reads the bucket."""

NAMESPACE_ANNOTATION = "yatai.ai/bento-storage-namepsace"
"""Annotation that puts a namespace into the image's tag. Spelled as yatai-image-builder spells it."""


STRATEGY_ANNOTATION = "yatai.ai/deployment-strategy"


@dataclass(frozen=True, kw_only=True)
class BuilderAccess:
    """How the pods of the image builder access the bucket."""

    secret: str
    """Secret with the AWS_* credentials in the model's namespace; empty if none is needed."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables of endpoint and region."""


CURRENT_TEMPLATE_VERSION = "v1"
"""The version of the templates for new releases."""

DEFAULT_RESOURCES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "v1": {
        "Classification": {"cpu": "500m", "memory": "1Gi"},
        "Regression": {"cpu": "500m", "memory": "1Gi"},
        # Causal estimators hold several fitted models and their training residuals.
        "Causal": {"cpu": "1", "memory": "2Gi"},
    }
}
"""Requests that the user does not give, by template version and type of model."""

LIMIT_FACTOR = 4


def knows(template_version: str) -> bool:
    """Return whether this operator has these templates. A newer operator may have created releases with others."""
    return template_version in DEFAULT_RESOURCES


def bento_request(model: Model, artifact: Artifact, access: BuilderAccess, template_version: str) -> Manifest:
    """Return the BentoRequest for an image of `artifact`."""
    name, version = artifact.tag.split(":")
    annotations = {
        naming.TAG_ANNOTATION: artifact.tag,
        naming.DIGEST_ANNOTATION: artifact.digest,
        naming.SIZE_ANNOTATION: str(artifact.size),
        naming.TEMPLATE_VERSION_ANNOTATION: template_version,
        # Yatai uses an image that has the tag already, whoever pushed it.
        NAMESPACE_ANNOTATION: model.namespace,
    }
    if artifact.path_prefix:
        annotations[naming.PATH_PREFIX_ANNOTATION] = artifact.path_prefix
    if access.secret:
        annotations[CREDENTIALS_ANNOTATION] = access.secret
    return _render(
        template_version,
        "bentorequest",
        _identity(model, naming.artifact_name(model.name, artifact.digest)),
        annotations=annotations,
        bento_tag=f"{name}:{naming.image_version(version, artifact.digest)}",
        download_url=artifact.uri,
        service_name=artifact.service,
        bentoml_version=artifact.bentoml_version,
        builder_env=[{"name": key, "value": value} for key, value in access.env],
    )


def bento(model: Model, artifact: Artifact, template_version: str) -> Manifest:
    """Return the Bento that names the image of `artifact`: it was built elsewhere, so no build is asked for."""
    annotations = {
        naming.TAG_ANNOTATION: artifact.tag,
        naming.DIGEST_ANNOTATION: artifact.digest,
        naming.IMAGE_ANNOTATION: artifact.image,
        naming.TEMPLATE_VERSION_ANNOTATION: template_version,
    }
    if artifact.path_prefix:
        annotations[naming.PATH_PREFIX_ANNOTATION] = artifact.path_prefix
    return _render(
        template_version,
        "bento",
        _identity(model, naming.artifact_name(model.name, artifact.content)),
        annotations=annotations,
        tag=artifact.tag,
        image=artifact.pinned_image,
        service_name=artifact.service,
    )


@dataclass(frozen=True, kw_only=True)
class DeploymentSpec:
    """The values of a BentoDeployment."""

    release: str
    name: str
    artifact: Artifact
    shape: Shape
    size: Autoscaling
    template_version: str
    patched: bool = False
    """Fields of its pods are written into its Deployment: the cluster has no policy e2i-pods."""
    attempt: datetime | None = None
    """Set to make Yatai retry a deployment that it failed with."""
    asked_at: datetime | None = None
    """Set for an edit in place: when the release was requested."""
    earlier_env: tuple[tuple[str, str], ...] = ()
    """Kept for an edit in place: the environment of the release before, which nothing else in the cluster has."""


def bento_deployment(model: Model, spec: DeploymentSpec) -> Manifest:
    """Return the BentoDeployment of a release."""
    annotations = {
        naming.TAG_ANNOTATION: spec.artifact.tag,
        naming.TEMPLATE_VERSION_ANNOTATION: spec.template_version,
    }
    if spec.patched:
        annotations[naming.PATCHED_ANNOTATION] = "true"
    if spec.shape.restart:
        annotations[RESTART_ANNOTATION] = spec.shape.restart
    if spec.asked_at:
        annotations[naming.ASKED_ANNOTATION] = timestamp(spec.asked_at)
    if text := earlier_env.encode(spec.earlier_env):
        annotations[naming.EARLIER_ENV_ANNOTATION] = text
    manifest = _render(
        spec.template_version,
        "bentodeployment",
        _identity(model, spec.name, spec.release),
        annotations=annotations,
        bento=naming.artifact_name(model.name, spec.artifact.content),
        autoscaling=autoscaling(spec.size),
        resources=_resources(spec.shape, spec.template_version),
        envs=[{"name": name, "value": value} for name, value in spec.shape.env],
        pod_labels=naming.pod_labels(model.name, spec.release),
    )
    add_pod_fields(manifest, spec.shape.pod, naming.pod_labels(model.name, spec.release))
    if asked := pod_annotations.policy_annotations(spec.shape.pod, spec.artifact.path_prefix):
        manifest["spec"]["extraPodMetadata"]["annotations"] = asked
    if settings := _yatai_annotations(spec):
        manifest["spec"]["annotations"] = settings
    return manifest


def _yatai_annotations(spec: DeploymentSpec) -> dict[str, str]:
    """Return annotations for yatai-deployment, which reach none of its children."""
    found = {naming.ATTEMPT_ANNOTATION: timestamp(spec.attempt)} if spec.attempt else {}
    # Its own strategy takes up to a quarter of the pods away before others are ready.
    return found | ({STRATEGY_ANNOTATION: "RampedSlowRollout"} if spec.patched else {})


def service(model: Model, release: str, selector: Mapping[str, str], switched_at: datetime) -> Manifest:
    """Return the model's Service; `release` has had the address since `switched_at`."""
    return service_of(_identity(model, model.name), release, timestamp(switched_at), selector)


def service_of(
    identity: Mapping[str, Any], release: str, switched_at: str, selector: Mapping[str, str]
) -> Manifest:
    """Return the Service with this name, owner and labels."""
    return _render(
        CURRENT_TEMPLATE_VERSION,
        "service",
        identity,
        annotations={naming.SWITCHED_ANNOTATION: switched_at, naming.SERVING_ANNOTATION: release},
        selector=dict(selector),
        port=naming.SERVICE_PORT,
    )


def owner_reference(model: Model) -> Manifest:
    """Return the reference by which a child names the model as its controlling owner."""
    return {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "name": model.name,
        "uid": model.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _identity(model: Model, name: str, release: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": model.namespace,
        "labels": naming.labels(model.name, release),
        "owners": [owner_reference(model)],
    }


def autoscaling(size: Autoscaling) -> dict[str, Any]:
    """Return spec.autoscaling of a BentoDeployment."""
    bounds: dict[str, Any] = {"minReplicas": size.minimum, "maxReplicas": size.maximum}
    return bounds | ({"metrics": [dict(metric) for metric in size.metrics]} if size.metrics else {})


def _resources(shape: Shape, template_version: str) -> dict[str, Any]:
    """Return requests and limits, with defaults for those that the user does not give.

    A default request is never above the user's limit, and a default limit never below the user's request."""
    defaults = DEFAULT_RESOURCES[template_version][shape.type]
    requests, limits = dict(shape.requests), dict(shape.limits)
    for name, amount in defaults.items():
        if name not in requests:
            requests[name] = min(amount, limits.get(name, amount), key=quantities.value)
        if name not in limits:
            limits[name] = quantities.times(requests[name], LIMIT_FACTOR)
    limits["memory"] = memory_limit(limits["memory"])
    return {"requests": yatai_amounts(requests), "limits": yatai_amounts(limits)}


def _render(template_version: str, template: str, identity: Mapping[str, Any], **values: Any) -> Manifest:
    return fill(template_version, template, {**identity, **values})
