"""Reads the evidence of a release that is about to be given up, as long as its pods are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from e2i.api import naming
from e2i.api.model import Model
from e2i.controller.core.children import Build
from e2i.controller.core.evidence.failure_evidence import Evidence, of_pods
from e2i.controller.core.plan import Plan
from e2i.controller.core.pods import deployment_of
from e2i.controller.core.releases.situation import Situation
from e2i.controller.edge.check_secrets import values_sent
from e2i.controller.edge.clients import Clients
from e2i.controller.edge.pod_evidence import collect
from e2i.kube import ApiError, Kube, Object
from e2i.kube.e2i_kinds import PODS


async def evidence_of(here: Situation, chosen: Plan, clients: Clients) -> Evidence:
    """Return why the release of the plan failed. It is read of whole pods: the cache keeps only parts of them."""
    failed = chosen.judged or here.desired
    if failed is None:
        return Evidence()
    if chosen.judged is None and failed.request and failed.request.build is not Build.DONE:
        labels = {naming.BUILD_LABEL: failed.request.name}
    else:
        labels = naming.pod_labels(here.model.name, failed.release)
    kube = clients.kube
    found, sent = await _pods(here.model, labels, kube), await values_sent(here.model, kube)
    if naming.BUILD_LABEL not in labels:
        names = {child.name for child in here.seen.deployments}
        found = [pod for pod in found if deployment_of(pod) in names]
    if sent is None:
        # A log whose secrets are not known is not kept.
        evidence = of_pods(found)
    else:
        evidence = await collect(found, (*clients.secrets, *here.model.shape.secrets, *sent), kube)
    return replace(evidence, http=chosen.http)


async def _pods(model: Model, labels: Mapping[str, str], kube: Kube) -> list[Object]:
    """Return the pods; empty if they cannot be listed, because they only add detail to a pass."""
    try:
        found, _ = await kube.list(PODS, model.namespace, labels=naming.label_selector(labels))
    except ApiError:
        return []
    return found
