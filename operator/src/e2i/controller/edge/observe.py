"""Reads everything that one pass has to know about one model. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.evidence import pod_problems
from e2i.controller.core.evidence.failure_evidence import Evidence
from e2i.controller.core.observed import Build, Child, Observed, Trouble
from e2i.controller.core.releases.judged import judged_release
from e2i.controller.core.releases.release import (
    Release,
    artifact_of,
    build_release,
    is_complete,
    owned_service,
)
from e2i.controller.core.releases.situation import Situation
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.rules.decision import Plan
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.pod_evidence import collect
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import PODS, SERVICES


async def observe(model: Model, clients: Clients, now: datetime) -> Observed:
    """Return what is known of the model."""
    cache = clients.cache
    taken = cache.child(SERVICES.kind, model.namespace, model.name)
    if taken and taken.owner != model.uid:
        await look_for_service(model, clients)
    seen = Observed(
        export=clients.export_jobs.state(model.reference),
        requests=cache.requests(model),
        deployments=cache.deployments(model),
        workloads=cache.workloads(model),
        service=owned_service(model, cache.service(model)),
        malformed=cache.malformed(model),
        missing_kinds=cache.missing_kinds,
        records=clients.release_store_jobs.state(model.key),
        recorded_failures=clients.release_store_jobs.recorded(model.key),
    )
    seen = _with_jobs(model, _with_names(model, seen, cache), clients)
    return _with_pods(model, seen, cache, now)


async def look_for_service(model: Model, clients: Clients) -> None:
    """Read the Service of the model's name into the cache: those of other owners are not watched."""
    known = clients.cache.child(SERVICES.kind, model.namespace, model.name)
    try:
        found = await clients.kube.get(SERVICES, model.namespace, model.name)
    except ApiError:
        return  # Before the Service is written, it is read again.
    if found:
        clients.cache.put(SERVICES.kind, found)
    elif known:
        clients.cache.remove(SERVICES.kind, model.key, known.uid)


def _with_jobs(model: Model, seen: Observed, clients: Clients) -> Observed:
    """Add the state of the desired release's verification, and of the guard of the release that is judged."""
    here = Situation(model, seen)
    if here.desired:
        trial = trial_of(model, here.desired.release)
        seen = replace(seen, verification=clients.verification_jobs.state(model.key, trial))
    judged = judged_release(here)
    if judged is None:
        return seen
    trial = trial_of(model, judged.release)
    return replace(
        seen,
        guard_running=clients.guard_jobs.is_guarding(model.key, trial),
        guard_problem=clients.guard_jobs.problem(model.key, trial),
        guard_sight=clients.guard_jobs.sight(model.key, trial),
    )


def _with_names(model: Model, seen: Observed, cache: Cache) -> Observed:
    """Add the names that a child of the model needs and that another object has."""
    artifact = artifact_of(model, seen)
    names = [("Service", model.name)]
    if artifact:
        release = naming.release_of(model, artifact.digest)
        names.append(("BentoRequest", naming.artifact_name(model.name, artifact.digest)))
        names.append(("BentoDeployment", build_release(model, seen, release, artifact, model.shape).name))
    taken = {
        (kind, name): child
        for kind, name in names
        if (child := cache.child(kind, model.namespace, name)) and child.owner != model.uid
    }
    leftovers = frozenset(place for place, child in taken.items() if _is_leftover(model, child))
    return replace(seen, foreign=frozenset(taken) - leftovers, leftovers=leftovers)


def _is_leftover(model: Model, child: Child) -> bool:
    """Return whether it is a child of a deleted model of the same name, which Kubernetes will remove."""
    return child.model == model.name and child.owner is not None


def _with_pods(model: Model, seen: Observed, cache: Cache, now: datetime) -> Observed:
    """Add what is wrong with the pods that the model waits for, and with those of the release that is judged."""
    if model.suspended or model.deleting:
        return seen
    here = Situation(model, seen)
    chosen, judged = here.target, judged_release(here)
    if judged and not (chosen and chosen.release == judged.release):
        seen = replace(seen, judged_trouble=_trouble(here, judged, cache, now))
    if chosen is None:
        return seen
    if chosen.shape and chosen.request and chosen.request.build is not Build.DONE:
        found = cache.build_pods(model.key, chosen.request.name)
        return replace(seen, pod_problem=pod_problems.build_problem(found))
    trouble = _trouble(here, chosen, cache, now)
    return replace(seen, pod_problem=trouble.problem, crashes=trouble.crashes) if trouble else seen


def _trouble(here: Situation, release: Release, cache: Cache, now: datetime) -> Trouble | None:
    """Return what is wrong with the pods of the release; None if it is complete or has none."""
    if release.workload is None or is_complete(release.workload, size_of(here, release.release)):
        return None
    found = cache.release_pods(here.model.key, release.release)
    given = [name for name, _ in release.shape.requests] if release.shape else None
    return Trouble(
        problem=pod_problems.release_problem(found, now, given), crashes=pod_problems.crashes(found)
    )


async def evidence_of(here: Situation, chosen: Plan, kube: Kube) -> Evidence:
    """Return the evidence of a release that is about to be given up.

    It is read of the whole pods, not of what the cache keeps of them."""
    failed = chosen.judged or here.desired
    if failed is None:
        return Evidence()
    if chosen.judged is None and failed.request and failed.request.build is not Build.DONE:
        labels = {naming.BUILD_LABEL: failed.request.name}
    else:
        labels = naming.pod_labels(here.model.name, failed.release)
    evidence = await collect(await _pods(here.model, labels, kube), here.model.shape.secrets, kube)
    return replace(evidence, http=chosen.http)


async def _pods(model: Model, labels: Mapping[str, str], kube: Kube) -> list[Object]:
    """Return the pods; empty if they cannot be listed, because they only add detail to a pass."""
    try:
        found, _ = await kube.list(PODS, model.namespace, labels=naming.label_selector(labels))
    except ApiError:
        return []
    return found
