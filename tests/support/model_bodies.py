"""A model in the middle of its life, as the API server tells of it; each argument changes one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.bodies import a_body, a_child_body
from support.builders import NOON, seconds

from e2i.api import naming
from e2i.api.conditions import timestamp
from e2i.api.image_source import given_artifact
from e2i.api.model_body import parse_model

OLD_TAG, NEW_TAG = "churn_model:1.4.2", "churn_model:1.5.0"
OLD_DIGEST, NEW_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SHAPE = {"resources": {"requests": {"cpu": "100m"}}, "env": [{"name": "LEVEL", "value": "INFO"}]}

Body = dict[str, Any]


def told(kind: str, status: str, reason: str, message: str = "") -> Body:
    """A condition."""
    since = timestamp(NOON)
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def release(
    tag: str,
    digest: str,
    spec: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> str:
    """The id of the release that this bento makes with this shape."""
    spec = {**SHAPE, "bento": {"tag": tag}, **(spec or {})}
    model = parse_model(a_body(spec=spec, **(metadata or {})))
    given = given_artifact(model)
    return naming.release_of(model, given.content if given else digest)


OLD, NEW = release(OLD_TAG, OLD_DIGEST), release(NEW_TAG, NEW_DIGEST)


def entry(name: str, tag: str, digest: str, result: str, **more: Any) -> Body:
    """One line of status.history."""
    started = timestamp(NOON - seconds(600))
    return {
        "release": name,
        "bentoTag": tag,
        "digest": digest,
        "result": result,
        "startedAt": started,
        **more,
    }


def failure(name: str, tag: str, digest: str, **more: Any) -> Body:
    """One line of status.failedReleases."""
    at = timestamp(NOON)
    words = {"reason": "VerificationFailed", "message": "/predict answered otherwise", "failedAt": at}
    return {"release": name, "bentoTag": tag, "digest": digest, "trial": "00000000", **words, **more}


def churn(
    *, spec: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None, **status: Any
) -> Body:
    """Asks for 1.5.0, which serves; 1.4.2 served before."""
    own = {
        "observedGeneration": 1,
        "desiredRelease": NEW,
        "servingRelease": NEW,
        "replicas": 2,
        "readyReplicas": 2,
        "url": "http://churn.models.svc:3000",
        "artifact": {"tag": NEW_TAG, "digest": NEW_DIGEST, "uri": "s3://e2i/churn.bento", "size": 4096},
        "conditions": [
            told("Ready", "True", "Ready", "it serves"),
            told("ReleaseServing", "True", "Serving"),
        ],
        "history": [
            entry(NEW, NEW_TAG, NEW_DIGEST, "Serving", servedAt=timestamp(NOON), image="registry/churn:new"),
            entry(OLD, OLD_TAG, OLD_DIGEST, "Superseded", servedAt=timestamp(NOON), endedAt=timestamp(NOON)),
        ],
    }
    chosen = {**SHAPE, "bento": {"tag": NEW_TAG}, **(spec or {})}
    return a_body(spec=chosen, status={**own, **status}, **(metadata or {}))


def a_request(tag: str, digest: str, *, built: bool = True) -> Body:
    """A BentoRequest, by default with its image."""
    state = "True" if built else "Unknown"
    conditions = [
        told("BentoAvailable", state, "Because"),
        told("ImageBuilding", "True", "Because", "building"),
    ]
    return a_child_body(
        "BentoRequest",
        name=naming.artifact_name("churn", digest),
        uid=f"uid-request-{tag}",
        annotations={
            naming.TAG_ANNOTATION: tag,
            naming.DIGEST_ANNOTATION: digest,
            naming.SIZE_ANNOTATION: "4096",
        },
        spec={"downloadUrl": "s3://e2i/churn.bento"},
        status={"conditions": conditions[: 1 if built else 2]},
    )


def a_deployment(name: str, tag: str, digest: str, spec: Mapping[str, Any] | None = None) -> Body:
    """The BentoDeployment of a release, with the resources that the operator would write."""
    amounts = {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": "400m", "memory": "4Gi"}}
    return a_child_body(
        "BentoDeployment",
        name=f"churn-{name}",
        uid=f"uid-{name}",
        labels={naming.RELEASE_LABEL: name},
        annotations={naming.TAG_ANNOTATION: tag},
        spec={
            "bento": naming.artifact_name("churn", digest),
            "resources": amounts,
            "envs": SHAPE["env"],
            **(spec or {}),
        },
    )


def a_workload(name: str, *, wanted: int = 2, ready: int = 2) -> Body:
    """The Deployment that Yatai made of a release's BentoDeployment."""
    container = {"name": "main", "image": f"registry/churn:{name}"}
    return a_child_body(
        "Deployment",
        name=f"churn-{name}",
        uid=f"uid-workload-{name}",
        owner=f"uid-{name}",
        labels={naming.RELEASE_LABEL: name},
        spec={"replicas": wanted, "template": {"spec": {"containers": [container]}}},
        status={
            "observedGeneration": 1,
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": ready,
        },
    )


def a_pod(name: str, labels: Mapping[str, str], **status: Any) -> Body:
    body = a_child_body("Pod", name=name, uid=f"uid-{name}", owner=None, labels=labels)
    ready = [{"type": "Ready", "status": "True"}]
    return {**body, "status": {"phase": "Running", "conditions": ready, **status}}
