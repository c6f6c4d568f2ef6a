"""Values for tests: valid by default, each argument changes one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from e2i.api import naming
from e2i.api.artifact import Artifact
from e2i.api.conditions import timestamp
from e2i.api.model import Autoscaling, Model, Rollout, Shape
from e2i.api.release_record import Record
from e2i.controller.core.children import BentoDeployment, BentoRequest, Build, Service, Workload
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.render import manifests
from e2i.controller.core.render.manifests import DeploymentSpec
from e2i.controller.core.stretch import Stretch

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
TAG = "churn_model:1.4.2"
DIGEST = "sha256:" + "9f3c21aa" * 8
ACCESS = manifests.BuilderAccess(
    secret="e2i-bento-download",
    env=(("AWS_ENDPOINT_URL", "http://s3.example:9000"), ("AWS_REGION", "us-east-1")),
)


AT_WORK = Stretch(at_work=True, since=NOON)
"""The release's own build or pods have been at work since noon."""


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def a_model(
    *,
    name: str = "churn",
    tag: str = TAG,
    uid: str = "uid-model",
    replicas: int = 1,
    autoscaling: Autoscaling | None = None,
    env: tuple[tuple[str, str], ...] = (),
    requests: tuple[tuple[str, str], ...] = (),
    limits: tuple[tuple[str, str], ...] = (),
    pod: str = "",
    restart: str = "",
    kind: str = "Classification",
    deadline: int = 600,
    delay: int = 30,
    history: int = 5,
    rollout: Mapping[str, Any] | None = None,
    suspended: bool = False,
    deleting: bool = False,
    status: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Model:
    """A model of one pod, as nobody has looked at it yet."""
    usual = {"progress_deadline": deadline, "scale_down_delay": delay, "history": history}
    return Model(
        namespace="models",
        name=name,
        uid=uid,
        generation=1,
        tag=tag,
        shape=Shape(type=kind, requests=requests, limits=limits, env=env, pod=pod, restart=restart),
        autoscaling=autoscaling or Autoscaling(minimum=replicas, maximum=replicas),
        rollout=Rollout(**{**usual, **(rollout or {})}),
        suspended=suspended,
        deleting=deleting,
        status=status or {},
        **changes,
    )


def an_artifact(tag: str = TAG, digest: str = DIGEST) -> Artifact:
    name, version = tag.split(":")
    return Artifact(
        tag=tag,
        digest=digest,
        uri=f"s3://e2i/bentos/{name}/{version}/{digest[7:]}.tar",
        size=4096,
        service="churn_model",
        bentoml_version="1.4.39",
    )


def a_request(
    model: Model | None = None,
    *,
    tag: str | None = None,
    digest: str = DIGEST,
    build: Build = Build.DONE,
    created: datetime = NOON,
    built_at: datetime | None = None,
    message: str = "",
) -> BentoRequest:
    """The request for the model's bento, built in the moment it was made."""
    model = model or a_model()
    name = naming.artifact_name(model.name, digest)
    return BentoRequest(
        namespace=model.namespace,
        name=name,
        uid=f"uid-{name}",
        owner=model.uid,
        model=model.name,
        created=created,
        first_seen=created,
        digest=digest,
        artifact=an_artifact(tag or model.tag, digest),
        build=build,
        built_at=(built_at or created) if build is Build.DONE else None,
        message=message,
    )


def a_deployment_spec(model: Model, release: str, *, digest: str = DIGEST, **changes: Any) -> DeploymentSpec:
    """What the release's BentoDeployment is made from."""
    spec = DeploymentSpec(
        release=release,
        name=naming.release_name(model.name, release),
        artifact=an_artifact(model.tag, digest),
        shape=model.shape,
        size=model.autoscaling,
        template_version="v1",
    )
    return replace(spec, **changes)


def a_deployment(
    model: Model | None = None,
    *,
    digest: str = DIGEST,
    release: str | None = None,
    created: datetime = NOON,
    refusal: str = "",
    form: str = "v1",
    spec: Mapping[str, Any] | None = None,
) -> BentoDeployment:
    """The BentoDeployment of the model's desired release, exactly as the operator writes it."""
    model = model or a_model()
    release = release or naming.release_of(model, digest)
    made = manifests.bento_deployment(model, a_deployment_spec(model, release, digest=digest))
    return BentoDeployment(
        namespace=model.namespace,
        name=made["metadata"]["name"],
        uid=f"uid-{made['metadata']['name']}",
        owner=model.uid,
        model=model.name,
        created=created,
        first_seen=created,
        release=release,
        template_version=form,
        tag=model.tag,
        spec=made["spec"] if spec is None else spec,
        refusal=refusal,
    )


def a_workload(
    of: BentoDeployment,
    *,
    wanted: int = 1,
    existing: int | None = None,
    updated: int | None = None,
    ready: int | None = None,
    generation: int = 1,
    observed: int | None = None,
    replica_failure: str = "",
) -> Workload:
    """The Deployment that Yatai made of `of`, all its pods ready."""
    return Workload(
        namespace=of.namespace,
        name=of.name,
        uid=f"uid-workload-{of.name}",
        owner=of.uid,
        model=of.model,
        created=of.created,
        first_seen=of.created,
        release=of.release,
        generation=generation,
        observed_generation=generation if observed is None else observed,
        wanted=wanted,
        existing=wanted if existing is None else existing,
        updated=wanted if updated is None else updated,
        ready=wanted if ready is None else ready,
        replica_failure=replica_failure,
    )


def a_service(model: Model | None = None, *, release: str, switched_at: datetime | None = NOON) -> Service:
    model = model or a_model()
    return Service(
        namespace=model.namespace,
        name=model.name,
        uid=f"uid-service-{model.name}",
        owner=model.uid,
        model=model.name,
        created=NOON,
        first_seen=NOON,
        selector=naming.pod_labels(model.name, release),
        as_rendered=True,
        switched_at=switched_at,
        serving=release,
    )


def seen(**changes: Any) -> Observed:
    """Nothing is there yet. Before there are children, the bucket was asked."""
    asked = {"records": ()} if {"requests", "deployments", "service"} & set(changes) else {}
    return Observed(**asked | changes)


def seen_exported(model: Model, **changes: Any) -> Observed:
    """The bento is in the bucket, and no child is there."""
    return seen(export=an_artifact(model.tag), **changes)


def seen_building(model: Model, **changes: Any) -> Observed:
    """Both children were made; Yatai builds the image."""
    request = a_request(model, build=Build.RUNNING, message="Bento image is building")
    state = seen(requests=(request,), deployments=(a_deployment(model),), stretch=AT_WORK)
    return _replaced(state, changes)


def seen_starting(model: Model, **changes: Any) -> Observed:
    """The image is there; the one pod is not ready."""
    deployment = a_deployment(model)
    state = seen(
        requests=(a_request(model),),
        deployments=(deployment,),
        workloads=(a_workload(deployment, wanted=model.autoscaling.minimum, ready=0),),
        stretch=AT_WORK,
    )
    return _replaced(state, changes)


def seen_ready(model: Model, **changes: Any) -> Observed:
    """All pods are ready; the address has not moved yet."""
    workload = a_workload(a_deployment(model), wanted=model.autoscaling.minimum)
    return _replaced(seen_starting(model, workloads=(workload,)), changes)


def seen_serving(model: Model, **changes: Any) -> Observed:
    """The desired release has the address and all its pods."""
    service = a_service(model, release=naming.release_of(model, DIGEST))
    return _replaced(seen_ready(model, service=service), changes)


def _replaced(state: Observed, changes: Mapping[str, Any]) -> Observed:
    return replace(state, **changes)


def failed_status(
    model: Model,
    reason: str = "CrashLoop",
    message: str = "container main ended 3 times",
    failed_at: datetime = NOON,
    digest: str = DIGEST,
    **changes: Any,
) -> dict[str, Any]:
    """The status that remembers how the present trial of the model's release failed."""
    release = naming.release_of(model, digest)
    failure = {
        "release": release,
        "bentoTag": model.tag,
        "digest": digest,
        "trial": trial_of(model, release),
        "reason": reason,
        "message": message,
        "failedAt": timestamp(failed_at),
        "requestUid": f"uid-{naming.artifact_name(model.name, digest)}",
        "deploymentUid": f"uid-{naming.release_name(model.name, release)}",
        "switchedAt": timestamp(NOON),
    }
    return {"failedReleases": [failure | changes]}


def failed(model: Model, **changes: Any) -> Model:
    """The same model with its release in quarantine."""
    return replace(model, status={**model.status, **failed_status(model, **changes)})


def a_line(release: str, result: str = "Superseded", **changes: Any) -> dict[str, Any]:
    """A line of status.history."""
    return {"release": release, "bentoTag": TAG, "digest": DIGEST, "result": result, **changes}


def at_step(
    model: Model, step: int, *, started_at: datetime = NOON, promotion: str = "", **changes: Any
) -> Model:
    """The same model with its release at this step of a canary."""
    rollout = {
        "release": naming.release_of(model, DIGEST),
        "step": step,
        "stepStartedAt": timestamp(started_at),
        **({"promotion": promotion} if promotion else {}),
        **changes,
    }
    return replace(model, status={**model.status, "rollout": rollout})


def a_record(
    model: Model, result: str = "Served", *, at: datetime = NOON, digest: str = DIGEST, **changes: Any
) -> Record:
    """What the bucket remembers of the model's release."""
    release = naming.release_of(model, digest)
    record = Record(
        namespace=model.namespace,
        model=model.name,
        release=release,
        trial=trial_of(model, release),
        result=result,
        reason="Serving" if result == "Served" else "CrashLoop",
        artifact=an_artifact(model.tag, digest),
        shape=model.shape,
        started_at=at,
        at=at,
    )
    return replace(record, **changes)


def beside(state: Observed, other: BentoDeployment, *, ready: int | None = 1, **changes: Any) -> Observed:
    """The same with another release there as well, with so many ready pods; None: no Deployment yet."""
    made = () if ready is None else (a_workload(other, wanted=max(1, ready), ready=ready),)
    both = replace(state, deployments=(*state.deployments, other), workloads=(*state.workloads, *made))
    return replace(both, **changes)
