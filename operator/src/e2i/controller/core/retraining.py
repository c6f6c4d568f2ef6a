"""A Job or a Workflow that trains a drifted model again, made from the template of the platform. Pure.

Nothing is put into texts: the values stand in variables of the containers, or in parameters of the Workflow. Names of
features are written by whoever wrote the bento, so every value is left with letters, digits and a few signs: neither
a shell, nor `$(NAME)` of Kubernetes, nor a template of Argo finds anything in it to follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import yaml

from e2i.api import naming
from e2i.controller.core.notifications import Notification

JOB, WORKFLOW = ("batch/v1", "Job"), ("argoproj.io/v1alpha1", "Workflow")
VALUES = ("model", "namespace", "release", "bento", "digest", "features", "since")
"""Names of the parameters of a Workflow; a Job has E2I_MODEL and so on."""
COMPONENT = "retraining"
_LONGEST_MODEL = 40
_KEPT = ":/"
"""Signs of tags, digests and times that stay beside letters, digits, `_`, `.`, `-`, `~` and the `%` of all others."""

Body = Mapping[str, Any]


def parse_template(text: str) -> Body:
    """Return the template. ValueError says why it is none."""
    try:
        body: dict[str, Any] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())}") from None
    kind = (body.get("apiVersion"), body.get("kind")) if isinstance(body, dict) else None
    if kind not in (JOB, WORKFLOW):
        raise ValueError("it is neither a Job of batch/v1 nor a Workflow of argoproj.io/v1alpha1")
    if not isinstance(body.get("spec"), dict) or not isinstance(body.get("metadata", {}), dict):
        raise ValueError("its spec and its metadata must be objects")
    if kind == JOB and not list(_containers(body)):
        raise ValueError("its spec.template.spec has no containers")
    return body


def training(template: Body, drifted: Notification, namespace: str) -> dict[str, Any]:
    """Return the object that trains the model of this drift. The same drift has the same name."""
    body: dict[str, Any] = json.loads(
        json.dumps({**template, "metadata": _metadata(template, drifted, namespace)})
    )
    values = _values(drifted)
    if body["kind"] == JOB[1]:
        given = {f"E2I_{name.upper()}": value for name, value in values.items()}
        for container in _containers(body):
            container["env"] = _with(container.get("env"), given)
    else:
        arguments = body["spec"].setdefault("arguments", {})
        arguments["parameters"] = _with(arguments.get("parameters"), values)
    return body


def _metadata(template: Body, drifted: Notification, namespace: str) -> Body:
    given, data = template.get("metadata") or {}, drifted.data
    name = f"retrain-{data['model'][:_LONGEST_MODEL]}-{drifted.id[:12]}"
    labels = {"app.kubernetes.io/component": COMPONENT, "app.kubernetes.io/managed-by": naming.FIELD_MANAGER}
    model = {f"{naming.GROUP}/retrains": f"{data['namespace']}/{data['model']}"}
    return {
        "name": name,
        "namespace": namespace,
        "labels": {**(given.get("labels") or {}), **labels},
        "annotations": {**(given.get("annotations") or {}), **model},
    }


def _values(drifted: Notification) -> dict[str, str]:
    data = drifted.data
    texts = {
        "model": data["model"],
        "namespace": data["namespace"],
        "release": drifted.subject,
        "bento": data.get("bentoTag", ""),
        "digest": data.get("digest", ""),
        "since": drifted.time,
    }
    features = ",".join(quote(each["name"], safe="") for each in data.get("features", ()))
    return {name: quote(text, safe=_KEPT) for name, text in texts.items()} | {"features": features}


def _containers(job: Body) -> Iterator[dict[str, Any]]:
    try:
        pod = job["spec"]["template"]["spec"]
        listed = (each for name in ("containers", "initContainers") for each in pod.get(name) or ())
        yield from (each for each in listed if isinstance(each, dict))
    except (KeyError, TypeError, AttributeError):
        return


def _with(given: Any, values: Mapping[str, str]) -> list[Any]:
    """Return the list of names and values with these values, also where the template has another one."""
    kept = [each for each in given or () if not (isinstance(each, dict) and each.get("name") in values)]
    return [*kept, *({"name": name, "value": value} for name, value in values.items())]
