"""What F0 and the Go operator write: the operator's own manifests, with placeholders for a model's own values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from benchmarks.floor import NAME, PLACE, UID
from benchmarks.plant import MODELS, a_model

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.model_body import parse_model
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION
from e2i.controller.edge.informer import SOURCES
from e2i.controller.settings import Settings
from e2i.kube import Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS
from e2i.local.components import BUCKET, REGION
from e2i.local.layout import ClusterHome

OWN = (MODELS, BENTO_REQUESTS, BENTO_DEPLOYMENTS)


@dataclass(frozen=True)
class Plan:
    """The two children of a model, in the operator's order."""

    children: tuple[tuple[Resource, manifests.Manifest], ...]

    def text(self, *, watch_all: bool = False) -> str:
        """Return the plan as the baselines read it. `watch_all`: they watch the same objects as the operator."""
        others = [source for source in SOURCES if source.resource not in OWN] if watch_all else []
        return json.dumps(
            {
                "manager": naming.FIELD_MANAGER,
                "placeholders": {"namespace": PLACE, "name": NAME, "uid": UID},
                "model": _kind(MODELS),
                "children": [
                    {**_kind(resource), "manifest": json.dumps(body)} for resource, body in self.children
                ],
                "watched": [_kind(source.resource, source.labels) for source in others],
            }
        )


def plan_of(home: ClusterHome, artifact: Artifact) -> Plan:
    """Return what the operator writes for a model of this bento."""
    body = a_model(NAME, artifact.tag, PLACE)
    body["metadata"] |= {"uid": UID, "generation": 1}
    model = parse_model(body)
    release = naming.release_of(model, artifact.digest)
    spec = manifests.DeploymentSpec(
        release=release,
        name=naming.release_name(model.name, release),
        artifact=artifact,
        shape=model.shape,
        size=model.autoscaling,
        template_version=CURRENT_TEMPLATE_VERSION,
    )
    access = manifests.BuilderAccess(
        secret=Settings(bucket=BUCKET).download_secret,
        env=(("AWS_ENDPOINT_URL", home.s3_url), ("AWS_REGION", REGION)),
    )
    request = manifests.bento_request(model, artifact, access, CURRENT_TEMPLATE_VERSION)
    return Plan(((BENTO_REQUESTS, request), (BENTO_DEPLOYMENTS, manifests.bento_deployment(model, spec))))


def _kind(resource: Resource, labels: str = "") -> dict[str, Any]:
    return {
        "group": resource.group,
        "version": resource.version,
        "resource": resource.plural,
        "labels": labels,
    }
