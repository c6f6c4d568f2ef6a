"""Values to manifests: Python chooses the values, templates place them, the result is parsed and returned.

Every value goes through `tojson`, so that no text of a user can become structure. A template_version is a folder of
templates; a release keeps the template_version that it was first made in, so an upgraded operator rolls nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import jinja2
import yaml

from e2i.api import naming, quantities
from e2i.api.artifact import Artifact
from e2i.api.conditions import timestamp
from e2i.api.model import Autoscaling, Model, Shape

Manifest = dict[str, Any]

CREDENTIALS_ANNOTATION = "yatai.ai/aws-access-key-secret-name"
"""Where yatai-image-builder looks for the Secret with which its builder reads the bucket."""


@dataclass(frozen=True, kw_only=True)
class BuilderAccess:
    """How the image builder's pods reach the bucket."""

    secret: str
    """Secret in the model's namespace with the AWS_* credentials; empty: none is needed."""
    env: tuple[tuple[str, str], ...] = ()
    """Endpoint and region."""


CURRENT_TEMPLATE_VERSION = "v1"
"""The template_version that new releases are made in: the folder of templates."""

DEFAULT_RESOURCES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "v1": {
        "Classification": {"cpu": "500m", "memory": "1Gi"},
        "Regression": {"cpu": "500m", "memory": "1Gi"},
        # Causal estimators hold several fitted models and their training residuals.
        "Causal": {"cpu": "1", "memory": "2Gi"},
    }
}
"""Requests of the user who gives none, by template version and kind of model."""

LIMIT_FACTOR = 4


def knows(template_version: str) -> bool:
    """Whether this operator has these templates; a newer operator may have made a release with others."""
    return template_version in DEFAULT_RESOURCES


_NOT_ASCII = re.compile(r"[^\x20-\x7e]")


def bento_request(model: Model, artifact: Artifact, access: BuilderAccess, template_version: str) -> Manifest:
    """The BentoRequest that makes an image of `artifact` for `model`."""
    name, version = artifact.tag.split(":")
    annotations = {
        naming.TAG_ANNOTATION: artifact.tag,
        naming.DIGEST_ANNOTATION: artifact.digest,
        naming.SIZE_ANNOTATION: str(artifact.size),
        naming.TEMPLATE_VERSION_ANNOTATION: template_version,
    }
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


@dataclass(frozen=True, kw_only=True)
class DeploymentSpec:
    """What a BentoDeployment is made from."""

    release: str
    name: str
    artifact: Artifact
    shape: Shape
    size: Autoscaling
    template_version: str
    attempt: datetime | None = None
    """Set to make Yatai look again at one that it failed with, and would leave so for ever."""
    asked_at: datetime | None = None
    """Set for one that is edited in place, whose creation tells nothing of its release."""


def bento_deployment(model: Model, spec: DeploymentSpec) -> Manifest:
    """The BentoDeployment that runs a release of the model."""
    annotations = {
        naming.TAG_ANNOTATION: spec.artifact.tag,
        naming.TEMPLATE_VERSION_ANNOTATION: spec.template_version,
    }
    if spec.asked_at:
        annotations[naming.ASKED_ANNOTATION] = timestamp(spec.asked_at)
    manifest = _render(
        spec.template_version,
        "bentodeployment",
        _identity(model, spec.name, spec.release),
        annotations=annotations,
        bento=naming.artifact_name(model.name, spec.artifact.digest),
        autoscaling=autoscaling(spec.size),
        resources=_resources(spec.shape, spec.template_version),
        envs=[{"name": name, "value": value} for name, value in spec.shape.env],
        pod_labels=naming.pod_labels(model.name, spec.release),
    )
    if spec.attempt:
        manifest["spec"]["annotations"] = {naming.ATTEMPT_ANNOTATION: timestamp(spec.attempt)}
    return manifest


def service(
    model: Model, release: str, selector: Mapping[str, str], template_version: str, switched_at: datetime
) -> Manifest:
    """The model's Service, which belongs to `release` since `switched_at`."""
    return _render(
        template_version,
        "service",
        _identity(model, model.name),
        annotations={
            naming.SWITCHED_ANNOTATION: timestamp(switched_at),
            naming.SERVING_ANNOTATION: release,
        },
        selector=dict(selector),
        port=naming.SERVICE_PORT,
    )


def _identity(model: Model, name: str, release: str | None = None) -> dict[str, Any]:
    owner = {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "name": model.name,
        "uid": model.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "name": name,
        "namespace": model.namespace,
        "labels": naming.labels(model.name, release),
        "owners": [owner],
    }


def autoscaling(size: Autoscaling) -> dict[str, Any]:
    """A BentoDeployment's spec.autoscaling."""
    bounds: dict[str, Any] = {"minReplicas": size.minimum, "maxReplicas": size.maximum}
    return bounds | ({"metrics": [dict(metric) for metric in size.metrics]} if size.metrics else {})


def _resources(shape: Shape, template_version: str) -> dict[str, Any]:
    """What the user said wins; a default request is never above a limit, nor a limit below a request."""
    defaults = DEFAULT_RESOURCES[template_version][shape.type]
    requests, limits = dict(shape.requests), dict(shape.limits)
    for name, amount in defaults.items():
        if name not in requests:
            requests[name] = min(amount, limits.get(name, amount), key=quantities.value)
        if name not in limits:
            limits[name] = quantities.times(requests[name], LIMIT_FACTOR)
    return {"requests": _yatai_amounts(requests), "limits": _yatai_amounts(limits)}


def _yatai_amounts(chosen: Mapping[str, str]) -> dict[str, Any]:
    """Yatai has fields for cpu, memory and gpu, and a map for everything else."""
    known = {"cpu": "cpu", "memory": "memory", "nvidia.com/gpu": "gpu"}
    result: dict[str, Any] = {known[name]: amount for name, amount in chosen.items() if name in known}
    custom = {name: amount for name, amount in chosen.items() if name not in known}
    return result | ({"custom": custom} if custom else {})


def _render(template_version: str, template: str, identity: Mapping[str, Any], **values: Any) -> Manifest:
    text = _environment().get_template(f"{template_version}/{template}.yaml.j2").render(**identity, **values)
    # Every pass renders, to compare with what is there: libyaml takes a tenth of the time.
    manifest: Manifest = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return manifest


@cache
def _environment() -> jinja2.Environment:
    # The output is YAML, not HTML: `tojson` does the quoting that autoescape does for a web page.
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("e2i.controller"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701
    )
    environment.policies["json.dumps_function"] = _quoted
    environment.policies["json.dumps_kwargs"] = {}
    return environment


def _quoted(value: object) -> str:
    """JSON that YAML reads the same: JSON writes an emoji as two surrogates, which YAML does not join again."""
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_ASCII.sub(lambda found: f"\\U{ord(found[0]):08x}", text)
