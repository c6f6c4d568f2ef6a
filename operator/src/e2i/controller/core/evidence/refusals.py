"""Advice for pods that the cluster refuses or does not place, chosen by the words of its sentence. Pure.

Advice that does not fit is worse than none: nobody gets a pod into a full quota of pods by requesting less memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from e2i.api.conditions import Reason

_PODS_REQUESTED = re.compile(r"requested: (?:[^:]*,)?(?:count/)?pods=")
_REFUSALS = (
    (
        "violates PodSecurity",
        "The containers are Yatai's, so change the namespace: label it pod-security.kubernetes.io/enforce=baseline, or "
        "run yatai-deployment with ENABLE_RESTRICTED_SECURITY_CONTEXT=true",
    ),
    ("failed quota", "Give what the quota asks for in spec.resources, or change the quota"),
    ("exceeded quota", "Raise the quota, or request less in spec.resources"),
    ("error looking up service account", "Create the service account, or change spec.serviceAccountName"),
    ("failed calling webhook", "Bring that webhook back, or remove its configuration"),
    ("usage per Container is", "Change the LimitRange of the namespace, or the amounts in spec.resources"),
    ("usage per Pod is", "Change the LimitRange of the namespace, or the amounts in spec.resources"),
)
_MORE_PODS = "Raise the number of pods in the quota, or remove pods from the namespace"
_UNKNOWN = "Change the rule that refuses the pods"

_PLACES = (
    ("were unschedulable", "A node is cordoned: kubectl uncordon NODE, or add a node", ""),
    (
        "untolerated taint",
        "A node that does not answer has a taint until it does: kubectl get nodes. If all answer, add a node without "
        "that taint",
        "spec.tolerations",
    ),
    (
        "didn't match Pod's node affinity",
        "Add a node with the labels that the pod asks for",
        "spec.nodeSelector or spec.affinity.nodeAffinity",
    ),
    ("didn't match pod affinity", "Add a node near the pods that it asks for", "spec.affinity.podAffinity"),
    ("didn't match pod anti-affinity", "Add a node", "spec.affinity.podAntiAffinity"),
    ("didn't match pod topology spread", "Add a node in another place", "spec.topologySpreadConstraints"),
    ('persistentvolumeclaim "', "Create the PersistentVolumeClaim", "spec.volumes"),
    (
        "unbound immediate PersistentVolumeClaims",
        "Its PersistentVolumeClaim has no volume: kubectl describe pvc -n {namespace} says why, mostly the "
        "storage class",
        "",
    ),
    ("didn't match PersistentVolume", "Add a node that can reach the volume", ""),
    ("Too many pods", "Remove pods from the nodes, or add a node", ""),
)
"""Words of the scheduler, the advice for any pod, and the fields of a model that its pods can be changed by."""
_OTHERWISE = "Change what keeps the pod from the nodes"


def refusal_advice(sentence: str, defaults: Iterable[str] = ()) -> str:
    """Return the advice for a sentence with which the API server refused a pod.

    `defaults`: the amounts that nobody wrote, such as requests.cpu. Those that the sentence is about are named.
    """
    if _PODS_REQUESTED.search(sentence) and "exceeded quota" in sentence:
        return _MORE_PODS
    advice = next((advice for words, advice in _REFUSALS if words in sentence), _UNKNOWN)
    unwritten = [name for name in defaults if name.partition(".")[2] in sentence]
    if "spec.resources" not in advice or not unwritten:
        return advice
    return f"{advice}; {', '.join(unwritten)} of this model {'is' if len(unwritten) == 1 else 'are'} the default of e2i"


_LACKS_A_RIGHT = re.compile(r'User "[^"]+" cannot \w+ resource ')
"""Words of the API server's own rules (RBAC); a quota or a webhook has others."""
_WEBHOOK = re.compile(r'failed calling webhook "([^"]+)"')
_DENIED = re.compile(r"denied( the)? request")
_LOST_PARAMETERS = (
    "Create the ConfigMap that the binding names. If it is there, restart the API server: after the last binding with "
    "a ConfigMap was deleted, it reads none any more (kubernetes/kubernetes#130887)"
)
_WEBHOOKS = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
IF_OTHERS_ARE_ANSWERED = f"If kubectl get is answered, a webhook may hold up what is written: {_WEBHOOKS}"
"""For a write without an answer: a webhook may take longer than the writer waits."""
RIGHTS = "Apply manifests/rbac.yaml of the operator's version, or upgrade the chart"


def write_refusal(sentence: str) -> tuple[Reason, str] | None:
    """Return reason and advice for a sentence with which the API server refused an object; None if it is unknown."""
    if _LACKS_A_RIGHT.search(sentence):
        return Reason.RightMissing, RIGHTS
    if found := _WEBHOOK.search(sentence):
        return Reason.WebhookFailing, f"Bring the webhook {found[1]} back, or remove it: {_WEBHOOKS}"
    if "exceeded quota" in sentence:
        return Reason.Refused, "Raise the quota, or remove what it counts"
    if "no params found for policy binding" in sentence:
        return Reason.Refused, _LOST_PARAMETERS
    if _DENIED.search(sentence):
        return Reason.Refused, "Change the rule of that webhook or policy, or what the model asks for"
    return None


def list_refusal(status: int, sentence: str) -> str:
    """Return the sentence with which the API server refused a list, with the next step if somebody has to act."""
    words = sentence.rstrip(".")
    if status == 404:
        return f"{words}. The cluster does not serve this kind: apply its CRD (manifests/crds)"
    return f"{words}. {RIGHTS}" if status == 403 else words


def placement_advice(sentence: str, smaller: str, *, namespace: str, of_model: bool) -> str:
    """Return the advice for a sentence of the scheduler; `smaller` is said where a resource is insufficient.

    `namespace`: that of the pod. `of_model`: the pod is one of a model, so fields of the spec can help; not the
    pod of an image build.
    """
    found = [smaller] if "Insufficient" in sentence else []
    for words, template, fields in _PLACES:
        if words in sentence:
            advice = template.format(namespace=namespace)
            found.append(f"{advice}, or change {fields}" if fields and of_model else advice)
    return ". ".join(found) or _OTHERWISE
