"""Finds out how fields of pods reach the pods of this cluster, and which Deployments lack them."""

from __future__ import annotations

from dataclasses import replace

from e2i.api import pod_annotations
from e2i.api.model import Model
from e2i.controller.core.observed import Observed
from e2i.controller.core.releases.release import artifact_of
from e2i.controller.edge.clients import Clients


async def with_pod_way(model: Model, seen: Observed, clients: Clients) -> Observed:
    """Add whether the policy is missing and Deployments may be patched, and those that have to be patched."""
    artifact = artifact_of(model, seen)
    needed = pod_annotations.needing_policy(model.shape.pod) or (artifact and artifact.path_prefix)
    if needed or clients.may_patch:
        lacks = await clients.pod_policy.is_missing()
        seen = replace(seen, lacks_pod_policy=lacks, may_patch=clients.may_patch)
    patched = {child.uid for child in seen.deployments if child.patched}
    due = (
        *(each for each in seen.workloads if each.is_bare or each.lacks_fields[0]),
        *(each for each in seen.runners if each.is_bare or each.lacks_fields[1]),
    )
    bare = (each for each in due if each.owner in patched)
    return replace(seen, unpatched=tuple((each, clients.workload_patches.wait(each.uid)) for each in bare))
