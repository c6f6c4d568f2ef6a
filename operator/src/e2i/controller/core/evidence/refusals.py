"""Advice for pods that the cluster refuses or does not place, chosen by the words of its sentence. Pure.

Advice that does not fit is worse than none: nobody gets a pod into a full quota of pods by requesting less memory.
"""

from __future__ import annotations

import re

_PODS_REQUESTED = re.compile(r"requested: (?:[^:]*,)?(?:count/)?pods=")
_REFUSALS = (
    (
        "violates PodSecurity",
        "The containers are Yatai's, so change the namespace: label it pod-security.kubernetes.io/enforce=baseline, or "
        "run yatai-deployment with ENABLE_RESTRICTED_SECURITY_CONTEXT=true",
    ),
    ("failed quota", "Give what the quota asks for in spec.resources, or change the quota"),
    ("exceeded quota", "Raise the quota, or request less in spec.resources"),
    ("usage per Container is", "Change the LimitRange of the namespace, or the amounts in spec.resources"),
    ("usage per Pod is", "Change the LimitRange of the namespace, or the amounts in spec.resources"),
)
_MORE_PODS = "Raise the number of pods in the quota, or remove pods from the namespace"
_UNKNOWN = "Change the rule that refuses the pods"

_PLACES = (
    ("were unschedulable", "A node is cordoned: kubectl uncordon NODE, or add a node"),
    ("untolerated taint", "Add a node without that taint"),
    ("didn't match Pod's node affinity", "Add a node with the labels that the pod asks for"),
    ("didn't match PersistentVolume", "Add a node that can reach the volume"),
    ("Too many pods", "Remove pods from the nodes, or add a node"),
)
_OTHERWISE = "Change what keeps the pod from the nodes"


def refusal_advice(sentence: str) -> str:
    """Return the advice for a sentence with which the API server refused a pod."""
    if _PODS_REQUESTED.search(sentence) and "exceeded quota" in sentence:
        return _MORE_PODS
    return next((advice for words, advice in _REFUSALS if words in sentence), _UNKNOWN)


def placement_advice(sentence: str, smaller: str) -> str:
    """Return the advice for a sentence of the scheduler; `smaller` is said where a resource is insufficient."""
    found = [smaller] if "Insufficient" in sentence else []
    found += [advice for words, advice in _PLACES if words in sentence]
    return ". ".join(found) or _OTHERWISE
