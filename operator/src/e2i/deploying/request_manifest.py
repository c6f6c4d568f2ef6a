"""Build the E2IModel of a request. Pure: request, environment and bento in, manifest out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from e2i.api import naming
from e2i.deploying.environments import Environment
from e2i.deploying.errors import InvalidRequest, Mistake
from e2i.deploying.request import DeploymentRequest
from e2i.kube import Object
from e2i.packaging.manifest_notes import missing_env
from e2i.packaging.names import object_name

EXPERIMENT_LABEL = f"{naming.GROUP}/experiment"
SOURCE_ANNOTATION = f"{naming.GROUP}/model-uri"


@dataclass(frozen=True, kw_only=True)
class Deployable:
    """A bento that can be released, with the values that it gives to the E2IModel."""

    tag: str
    digest: str = ""
    """Digest of its archive in the bucket; "": the operator exports it from the store."""
    type: str | None = None
    rollout: Mapping[str, Any] = field(default_factory=dict)
    """`verify` and `contract` for spec.rollout, from the cards of its models."""
    required_env: tuple[str, ...] = ()
    """Names of the variables that the bento declares without a value."""


def manifest(request: DeploymentRequest, environment: Environment, bento: Deployable) -> Object:
    """Return the E2IModel to apply; InvalidRequest if neither request nor bento has a type.

    The environment's spec overrides values of the bento, the request overrides both.
    """
    spec: Object = {"type": _type(request, bento), "bento": _bento(bento)}
    if "autoscaling" not in environment.spec:
        spec["replicas"] = environment.replicas
    if bento.rollout:
        spec["rollout"] = dict(bento.rollout)
    requested = {"resources": {"limits": limits}} if (limits := _limits(request)) else {}
    return {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {
            "name": request.name or object_name(bento.tag.partition(":")[0]),
            "namespace": environment.namespace,
            "labels": {EXPERIMENT_LABEL: request.experiment_id},
            "annotations": {SOURCE_ANNOTATION: request.model_uri},
        },
        "spec": merged(merged(spec, environment.spec), requested),
    }


def notes(model: Object, bento: Deployable) -> list[str]:
    """Return one sentence for each thing that the release would miss only when it runs; empty if there is none."""
    given = {variable.get("name") for variable in model["spec"].get("env") or []}
    return missing_env([name for name in bento.required_env if name not in given])


def _type(request: DeploymentRequest, bento: Deployable) -> str:
    kind = request.type or bento.type
    if kind is None:
        advice = (
            f"the bento {bento.tag} does not say what kind of model it is: write Classification, Regression or Causal, "
            "or build it with the label e2i.dev/type"
        )
        raise InvalidRequest([Mistake("type", None, advice)])
    return kind


def _bento(bento: Deployable) -> dict[str, Any]:
    return {"tag": bento.tag, **({"archive": {"digest": bento.digest}} if bento.digest else {})}


def _limits(request: DeploymentRequest) -> dict[str, str]:
    """Return the requested resources as limits. The operator sets the requests by the type of the model."""
    return request.resources.model_dump(exclude_none=True)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings key by key; `above` wins. Lists and other values are replaced as a whole."""
    joined = dict(below)
    for key, value in above.items():
        old = joined.get(key)
        joined[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return joined
