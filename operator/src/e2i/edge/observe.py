"""Collects what one pass knows about one model. Reads only."""

from __future__ import annotations

from e2i.core import naming, pods
from e2i.core.model import Model
from e2i.core.observed import Build, Child, Observed, Trouble
from e2i.core.release import artifact_of, desired, is_complete
from e2i.edge.exports import Exports
from e2i.edge.kinds import PODS
from e2i.edge.view import View
from e2i.kube import ApiError, Kube, Object


async def observe(model: Model, view: View, exports: Exports, kube: Kube) -> Observed:
    """The model's part of the view; pods are asked for only while something waits for them."""
    seen = Observed(
        export=exports.state(model.tag, model.key),
        requests=view.requests(model),
        deployments=view.deployments(model),
        workloads=view.workloads(model),
        service=view.service(model),
        missing_kinds=view.missing_kinds,
    )
    return await _with_pods(model, _with_names(model, seen, view), kube)


def _with_names(model: Model, seen: Observed, view: View) -> Observed:
    """Add who else has a name that one of the model's children needs."""
    artifact = artifact_of(model, seen)
    names = [("Service", model.name)]
    if artifact:
        release = naming.release_of(model, artifact.digest)
        names.append(("BentoRequest", naming.artifact_name(model.name, artifact.digest)))
        names.append(("BentoDeployment", naming.release_name(model.name, release)))
    taken = {
        (kind, name): child
        for kind, name in names
        if (child := view.child(kind, model.namespace, name)) and child.owner != model.uid
    }
    leftovers = frozenset(place for place, child in taken.items() if _is_leftover(model, child))
    return Observed(**{**vars(seen), "foreign": frozenset(taken) - leftovers, "leftovers": leftovers})


def _is_leftover(model: Model, child: Child) -> bool:
    """A child of a deleted model of the same name, which Kubernetes is about to remove."""
    return child.model == model.name and child.owner is not None


async def _with_pods(model: Model, seen: Observed, kube: Kube) -> Observed:
    trouble = await _pod_trouble(model, seen, kube)
    return Observed(**{**vars(seen), "pod_trouble": trouble}) if trouble else seen


async def _pod_trouble(model: Model, seen: Observed, kube: Kube) -> Trouble | None:
    wanted = desired(model, seen)
    if wanted is None or wanted.request is None or model.suspended or model.deleting:
        return None
    if wanted.request.build is not Build.DONE:
        return pods.build_trouble(await _pods(model, f"yatai.ai/bento-request={wanted.request.name}", kube))
    if wanted.workload is None or is_complete(wanted.workload, model.autoscaling):
        return None
    selector = ",".join(f"{k}={v}" for k, v in naming.pod_labels(model.name, wanted.release).items())
    return pods.release_trouble(await _pods(model, selector, kube))


async def _pods(model: Model, selector: str, kube: Kube) -> list[Object]:
    """None to be seen is no reason to stop a pass: what they would tell is only detail."""
    try:
        found, _ = await kube.list(PODS, model.namespace, labels=selector)
    except ApiError:
        return []
    return found
