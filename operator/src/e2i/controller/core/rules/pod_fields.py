"""Rules about fields that a BentoDeployment cannot say.

They reach the pods by the policy e2i-pods, or by a patch of Yatai's Deployment where the cluster has no such policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api import pod_annotations, pod_fields
from e2i.api.conditions import Reason
from e2i.controller.core.actions import Action, PatchWorkload, ScaleWorkload
from e2i.controller.core.children import BentoDeployment, Workload
from e2i.controller.core.plan import PODS_POLL, STORE_POLL, Plan
from e2i.controller.core.releases.release import is_complete
from e2i.controller.core.releases.situation import Situation, target_release
from e2i.controller.core.releases.sizes import size_of
from e2i.controller.core.render import pod_template

INSTALL = "Install it: kubectl apply -f manifests/policies/pods.yaml"
PAGE = "(docs/howto/pods.md)"


def patch_workloads(here: Situation, now: datetime) -> Plan | None:
    """Patch Deployments that lack the fields: new ones, and those that Yatai wrote again after an edit by somebody."""
    if not here.seen.may_patch or here.seen.missing_kinds:
        return None
    children = {child.uid: child for child in here.seen.deployments if child.patched}
    due = [each for each, wait in here.seen.unpatched if not wait and each.owner in children]
    actions = [action for each in due if each.owner for action in _patches(here, each, children[each.owner])]
    if not actions:
        return None
    names = ", ".join(each.name for each in due)
    message = f"Deployment {names} gets fields of the spec that Yatai does not know"
    return Plan(reason=Reason.Deploying, message=message, actions=tuple(actions))


def restore_mark_while_suspended(here: Situation, now: datetime) -> Plan | None:
    """Patch the serving release's Deployment if it lost the mark by which the address selects its pods.

    Without it nothing serves, as without a Service. What else somebody changes while the model is suspended stays.
    """
    if not here.model.suspended or here.serving is None:
        return None
    serving = here.seen.deployment(here.serving)
    lost = tuple((each, wait) for each, wait in here.seen.unpatched if each.is_bare)
    mine = tuple((each, wait) for each, wait in lost if serving and each.owner == serving.uid)
    return patch_workloads(replace(here, seen=replace(here.seen, unpatched=mine)), now)


def _patches(here: Situation, workload: Workload, child: BentoDeployment) -> Iterator[Action]:
    asked = (child.spec.get("extraPodMetadata") or {}).get("annotations") or {}
    yield PatchWorkload(workload.name, workload.uid, asked, is_runner=workload.name != child.name)
    least = size_of(here, child.release).minimum
    if child.release == here.serving and workload.name == child.name and 0 < workload.wanted < least:
        # Yatai has set it to one; its autoscaler would need up to 15 s.
        yield ScaleWorkload(workload.name, workload.uid, least)


def refuse_fields_without_policy(here: Situation, now: datetime) -> Plan | None:
    """Stall if the spec has fields that cannot reach the pods of this cluster."""
    names, seen = _fields(here), here.seen
    if not seen.lacks_pod_policy or not names:
        return None
    child = here.desired.deployment if here.desired else None
    prefix = here.desired.artifact.path_prefix if here.desired else ""
    unheld = pod_template.unheld(here.model.shape, prefix, here.model.rollout)
    is_patched = child is None or child.patched
    if seen.may_patch and is_patched and not unheld:
        return None
    instead = "" if seen.may_patch else ", or let the operator patch Deployments with E2I_PATCH_DEPLOYMENTS"
    missing = unheld if seen.may_patch and unheld else names
    message = f"{' and '.join(missing)} cannot reach the pods: the cluster has no policy e2i-pods"
    return _missing(f"{message}. {INSTALL}{instead} {PAGE}", STORE_POLL)


def refuse_bare_pods(here: Situation, now: datetime) -> Plan | None:
    """Stall while pods of the target run that were created without what the spec asks for."""
    child = target_release(here).deployment
    if not here.seen.bare_pods or (child and child.patched):
        return None
    names, fields = (
        " ".join(here.seen.bare_pods),
        " and ".join(_fields(here)) or "what it asks the policy for",
    )
    return _missing(
        f"{names}: created without {fields}, while the policy e2i-pods was not in force. Have "
        f"it made again: kubectl delete pod -n {here.model.namespace} {names}"
    )


def wait_for_patched_pods(here: Situation, now: datetime) -> Plan | None:
    """Wait until the pods of a patched Deployment that were made before the patch are gone."""
    target = target_release(here)
    child, workload = target.deployment, target.workload
    if child is None or not child.patched or workload is None:
        return None
    waits = [wait for each, wait in here.seen.unpatched if each.owner == child.uid and wait]
    if waits:
        return _taken_back(here, workload, max(waits))
    old = [each.name for each in here.seen.runners if each.owner == child.uid and _has_old_pods(each)]
    ending = (*here.seen.bare_pods, *(f"a pod of {name}" for name in old))
    if not ending or not is_complete(workload, size_of(here, target.release)):
        return None
    message = f"{', '.join(ending)} of release {target.release} still ends: it lacks fields of the spec"
    return Plan(reason=Reason.Deploying, message=message, look_again=PODS_POLL)


def _has_old_pods(runner: Workload) -> bool:
    return runner.observed_generation < runner.generation or runner.existing != runner.updated


def _taken_back(here: Situation, workload: Workload, wait: timedelta) -> Plan:
    return _missing(
        f"{' and '.join(_fields(here))}: something takes them back from Deployment {workload.name} again and "
        f"again. Find out who writes it, or give them to the pods by the policy e2i-pods. {INSTALL} {PAGE}",
        wait,
    )


def _missing(message: str, look_again: timedelta | None = None) -> Plan:
    return Plan(reason=Reason.PodPolicyMissing, message=message, stalled=True, look_again=look_again)


def _fields(here: Situation) -> list[str]:
    """Return: spec.env[].valueFrom, spec.probes, and the bento's path_prefix if it has one"""
    names = pod_annotations.needing_policy(here.model.shape.pod)
    fields = [f"spec.{name}" if name != pod_fields.REFERENCES else "spec.env[].valueFrom" for name in names]
    if here.desired and here.desired.artifact.path_prefix:
        fields.append(f"the probes for path_prefix {here.desired.artifact.path_prefix} of the bento")
    return fields
