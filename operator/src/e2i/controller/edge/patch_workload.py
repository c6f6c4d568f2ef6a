"""Writes fields of pods into a Deployment of Yatai: one forced server-side apply of what Yatai leaves open."""

from __future__ import annotations

from e2i.api.conditions import Reason
from e2i.api.model import Model
from e2i.api.pod_annotations import is_bare
from e2i.api.problem import Problem
from e2i.controller.core.actions import PatchWorkload
from e2i.controller.core.render.pod_template import lacks_fields, patched_deployment
from e2i.controller.edge.clients import Clients
from e2i.kube.e2i_kinds import DEPLOYMENTS

FIELD_MANAGER = "e2i-operator-pods"
"""Its own: what the operator writes elsewhere in a Deployment, the number of pods, is no part of this apply."""


async def patch_workload(model: Model, action: PatchWorkload, clients: Clients) -> Problem | None:
    """Write the fields, and return why they are not there afterwards; None if they are."""
    try:
        body = patched_deployment(model.namespace, action.name, action.asked, is_runner=action.is_runner)
    except (ValueError, TypeError, KeyError):
        message = (
            f"the annotations pod.serving.e2i.dev/* in the BentoDeployment of Deployment {action.name} were changed: "
            "delete the BentoDeployment to have it made again"
        )
        return Problem(reason=Reason.ChildUnreadable, message=message, stalled=True)
    # The uid means this object: for a namesake the API server answers with a conflict, and it never creates one.
    body["metadata"]["uid"] = action.uid
    written = await clients.kube.apply(DEPLOYMENTS, body, manager=FIELD_MANAGER, force=True)
    clients.workload_patches.note(action.uid)
    clients.cache.put(DEPLOYMENTS.kind, written)
    template = written["spec"].get("template", {})
    if is_bare(template.get("metadata", {}).get("annotations") or {}) or lacks_fields(
        template, is_runner=action.is_runner
    ):
        message = f"Deployment {action.name} lacks fields of the spec after they were written: an admission takes them"
        return Problem(reason=Reason.PodPolicyMissing, message=message, stalled=True)
    return None
