"""What F0 writes: the operator's own two manifests, with placeholders where a model's name and uid belong."""

from __future__ import annotations

import json

from benchmarks.floor import NAME, UID
from benchmarks.plant import NAMESPACE, a_model

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.model_body import parse_model
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import CURRENT_TEMPLATE_VERSION
from e2i.controller.settings import Settings
from e2i.kube import Resource
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS
from e2i.local.components import BUCKET, REGION
from e2i.local.layout import ClusterHome


def prepared_bodies(home: ClusterHome, artifact: Artifact) -> list[tuple[str, str]]:
    """Pairs of a path and the text to apply there, in the operator's order."""
    body = a_model(NAME, artifact.tag)
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
    return [
        _prepared(BENTO_REQUESTS, manifests.bento_request(model, artifact, access, CURRENT_TEMPLATE_VERSION)),
        _prepared(BENTO_DEPLOYMENTS, manifests.bento_deployment(model, spec)),
    ]


def _prepared(resource: Resource, manifest: manifests.Manifest) -> tuple[str, str]:
    path = resource.path(NAMESPACE, manifest["metadata"]["name"])
    return f"{path}?fieldManager={naming.FIELD_MANAGER}&force=false", json.dumps(manifest)
