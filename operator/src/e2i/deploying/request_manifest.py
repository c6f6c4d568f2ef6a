"""The E2IModel that a request means. Pure: request, environment and bento in, manifest out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from e2i.api import naming
from e2i.deploying.environments import Environment
from e2i.deploying.errors import InvalidRequest, Mistake
from e2i.deploying.request import DeploymentRequest
from e2i.kube import Object
from e2i.packaging.names import object_name

EXPERIMENT_LABEL = f"{naming.GROUP}/experiment"
SOURCE_ANNOTATION = f"{naming.GROUP}/model-uri"


@dataclass(frozen=True, kw_only=True)
class Deployable:
    """A bento that is ready to be released, and what it says of itself."""

    tag: str
    digest: str = ""
    """Of its archive in the bucket; empty: the operator takes it from the store."""
    type: str | None = None
    rollout: Mapping[str, Any] = field(default_factory=dict)
    """`verify` and `contract` of an E2IModel's spec.rollout, from the golden predictions of the model's card."""


def manifest(request: DeploymentRequest, environment: Environment, bento: Deployable) -> Object:
    """The E2IModel to apply; InvalidRequest if its type is said by nobody.

    What the bento says comes first, over it the environment's spec, over that the request.
    """
    spec: Object = {"type": _type(request, bento), "bento": _bento(bento)}
    if "autoscaling" not in environment.spec:
        spec["replicas"] = environment.replicas
    if bento.rollout:
        spec["rollout"] = dict(bento.rollout)
    asked = {"resources": {"limits": limits}} if (limits := _limits(request)) else {}
    return {
        "apiVersion": naming.API_VERSION,
        "kind": naming.KIND,
        "metadata": {
            "name": request.name or object_name(bento.tag.partition(":")[0]),
            "namespace": environment.namespace,
            "labels": {EXPERIMENT_LABEL: request.experiment_id},
            "annotations": {SOURCE_ANNOTATION: request.model_uri},
        },
        "spec": merged(merged(spec, environment.spec), asked),
    }


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
    """What is asked for is the most a pod may take; the operator fills in what it needs at least, by type."""
    return request.resources.model_dump(exclude_none=True)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins; mappings are joined key by key, lists and values are replaced as a whole."""
    joined = dict(below)
    for key, value in above.items():
        old = joined.get(key)
        joined[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return joined
