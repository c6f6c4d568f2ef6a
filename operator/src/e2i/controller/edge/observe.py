"""Reads everything that one pass has to know about one model. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from e2i.api import naming, release_record
from e2i.api.model import Model
from e2i.api.problem import Problem
from e2i.controller.core.archive_address import with_address
from e2i.controller.core.children import Build
from e2i.controller.core.evidence import creation_events, pod_problems
from e2i.controller.core.observed import Observed
from e2i.controller.core.pod_health import PodHealth
from e2i.controller.core.releases import own_work, parking
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
from e2i.controller.core.releases.taken_names import holder, is_leftover
from e2i.controller.core.releases.trials import trial_of
from e2i.controller.core.stretch import Stretch
from e2i.controller.edge.cache import Cache
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.event_problems import read_held_creation, read_refused_build
from e2i.controller.edge.pod_way import with_pod_way
from e2i.controller.edge.yatai_objects import with_yatai_objects
from e2i.kube.e2i_kinds import BENTO_DEPLOYMENTS, BENTO_REQUESTS, BUDGETS, SERVICES


async def observe(model: Model, clients: Clients, now: datetime) -> Observed:
    """Return what is known of the model."""
    cache = clients.cache
    taken = cache.child(SERVICES.kind, model.namespace, model.name)
    if taken and taken.owner != model.uid:
        await clients.service_look.read(model)
    deployments = cache.of_models.deployments(model)
    places = {(child.name, child.uid) for child in deployments}
    made = [
        each
        for each in cache.of_models.workloads(model)
        if each.owner in {child.uid for child in deployments}
    ]
    seen = Observed(
        export=clients.export_jobs.state(model.reference, model.namespace),
        requests=tuple(
            with_address(request, clients.archive_place, model.namespace)
            for request in cache.of_models.requests(model)
        ),
        deployments=deployments,
        workloads=tuple(each for each in made if (each.name, each.owner) in places),
        runners=tuple(each for each in made if (each.name, each.owner) not in places),
        service=owned_service(model, cache.of_models.service(model)),
        budget=cache.child(BUDGETS.kind, *model.key),
        malformed=cache.of_models.malformed(model),
        orphans=cache.of_models.orphans(model),
        missing_kinds=cache.missing_kinds,
        builder_heard=cache.heard.get(BENTO_REQUESTS.kind),
        deployer_heard=cache.heard.get(BENTO_DEPLOYMENTS.kind),
        records=clients.release_store_jobs.state(model.key),
        failures=clients.failure_memory.unwritten(model),
        recorded_served=clients.release_store_jobs.recorded(model.key, release_record.SERVED),
        recorded_failures=clients.release_store_jobs.recorded(model.key, release_record.FAILED),
        recorded_canaries=clients.release_store_jobs.recorded(model.key, release_record.CANARY),
    )
    seen = await with_pod_way(model, seen, clients)
    seen = _with_jobs(model, _with_names(model, seen, cache), clients)
    seen = await with_yatai_objects(Situation(model, seen), clients.kube, now)
    return await _with_pods(model, seen, clients, now)


def _with_jobs(model: Model, seen: Observed, clients: Clients) -> Observed:
    """Add the state of the desired release's verification, and of the guard of the release that is judged."""
    here = Situation(model, seen)
    if clients.drift_watch:
        seen = replace(seen, drift=clients.drift_watch.verdict(model.key, here.serving or ""))
    if clients.bucket_refill:
        seen = replace(seen, lacks_record=clients.bucket_refill.lacks_record(model.key, here.serving))
    if here.desired:
        trial = parking.verification_of(model, here.desired.release)
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
        release = naming.release_of(model, artifact.content)
        names.append(
            (
                "Bento" if artifact.image else "BentoRequest",
                naming.artifact_name(model.name, artifact.content),
            )
        )
        names.append(("BentoDeployment", build_release(model, seen, release, artifact, model.shape).name))
    taken = {
        (kind, name): child
        for kind, name in names
        if (child := cache.child(kind, model.namespace, name)) and child.owner != model.uid
    }
    if not taken:
        return seen
    living = {each.uid for each in cache.models()}
    leftovers = frozenset(place for place, child in taken.items() if is_leftover(model, child, living))
    foreign = frozenset(taken) - leftovers
    named = {place: child for place, child in taken.items() if place in foreign or child.finalizers}
    holders = {place: holder(place[0], child) for place, child in named.items()}
    return replace(seen, foreign=foreign, leftovers=leftovers, holders=holders)


async def _with_pods(model: Model, seen: Observed, clients: Clients, now: datetime) -> Observed:
    """Add what the model waits for, since when, and what is wrong with its pods and with those that are judged."""
    here, cache = Situation(model, seen), clients.cache
    chosen, judged = here.target, judged_release(here)
    if model.suspended or model.deleting:
        return _with_stretch(model, seen, None, False, clients, now)
    if judged and not (chosen and chosen.release == judged.release):
        seen = replace(seen, judged_health=_pod_health(here, judged, cache))
    if chosen is None:
        return _with_stretch(model, seen, None, False, clients, now)
    if chosen.shape and chosen.request and chosen.request.build is not Build.DONE:
        found = cache.of_models.build_pods(model.key, chosen.request.name)
        seen = replace(seen, pod_problem=pod_problems.build_problem(found))
        seen = _with_stretch(model, seen, chosen.request.uid, own_work.build_runs(found), clients, now)
        if found:
            return seen
        return replace(
            seen, pod_problem=await read_refused_build(chosen.request, seen.stretch, clients.kube, now)
        )
    if chosen.workload is None:
        return _with_stretch(model, seen, chosen.release, False, clients, now)
    found = cache.of_models.release_pods(model.key, chosen.release)
    seen = replace(seen, bare_pods=pod_problems.bare_pods(found))
    health = _pod_health(here, chosen, cache)
    if health is None:
        return _with_stretch(model, seen, None, False, clients, now)
    problem = health.problem or await _held_creation(model, found, clients, now)
    seen = replace(seen, pod_problem=problem, crashes=health.crashes)
    at_work = own_work.pods_run(chosen.workload, size_of(here, chosen.release), found)
    at_work = at_work and not (problem and problem.blameless)
    return _with_stretch(model, seen, chosen.workload.uid + chosen.release, at_work, clients, now)


async def _held_creation(
    model: Model, pods: list[Mapping[str, Any]], clients: Clients, now: datetime
) -> Problem | None:
    """Return why containers of the pods are not created, if one of them has been in creation for a while."""
    pod = creation_events.pod_in_creation(pods)
    since = clients.stretches.since(model.key, "mount", pod, now)
    if pod is None or since is None or now - since < creation_events.PATIENCE:
        return None
    return await read_held_creation(model.namespace, pod, now - since, clients.kube)


def _pod_health(here: Situation, release: Release, cache: Cache) -> PodHealth | None:
    """Return what is wrong with the pods of the release; None if it is complete or has none."""
    if release.workload is None or is_complete(release.workload, size_of(here, release.release)):
        return None
    found = cache.of_models.release_pods(here.model.key, release.release)
    given = [name for name, _ in release.shape.requests] if release.shape else None
    return PodHealth(problem=pod_problems.release_problem(found, given), crashes=pod_problems.crashes(found))


def _with_stretch(
    model: Model, seen: Observed, awaited: str | None, at_work: bool, clients: Clients, now: datetime
) -> Observed:
    """Add since when `awaited` has been waited for as it is now, and since when its pods have had their problem."""
    since = clients.stretches.since
    problem = seen.pod_problem
    begun = since(model.key, "wait", f"{awaited} {at_work}" if awaited else None, now)
    reason = f"{awaited} {problem.reason.name} {problem.blameless}" if awaited and problem else None
    return replace(
        seen,
        stretch=Stretch(at_work=at_work, since=begun) if begun else None,
        problem_since=since(model.key, "problem", reason, now),
    )
