"""Finds in pods what keeps them from becoming ready. Pure.

Only the container of the model condemns a release. Yatai, service meshes and admission webhooks put others beside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from e2i.api.conditions import Reason
from e2i.api.problem import Problem
from e2i.controller.core.evidence.refusals import placement_advice

Body = Mapping[str, Any]

_WAITING = {
    "ErrImagePull": Reason.ImagePullFailed,
    "ImagePullBackOff": Reason.ImagePullFailed,
    "InvalidImageName": Reason.ImagePullFailed,
    "CreateContainerConfigError": Reason.ContainerConfigError,
    "CreateContainerError": Reason.ContainerConfigError,
    "RunContainerError": Reason.ContainerConfigError,
    "CrashLoopBackOff": Reason.CrashLoop,
}


MODEL_CONTAINER = "main"
"""Yatai's name for the container with the bento."""
CRASHES = 3
"""Crashes of a container after which its release has failed: one crash may have a cause outside."""
_UNSEEN = ("ContainerStatusUnknown", "Unknown")
"""Reasons of an ending that no node saw: it restarted, and its containers with it. The container did not crash."""
_REGISTRY_AWAY = re.compile(
    r"connection refused|connection reset|time-?out|timed out|deadline exceeded|no such host|server misbehaving|"
    r"unreachable|TLS handshake|\bEOF\b|too ?many ?requests|\b(429|50[0-9])\b",
    re.IGNORECASE,
)
"""Words of an image pull that say that the registry cannot be had, not that the image is not in it."""


def release_problem(pods: Iterable[Body], given: Collection[str] | None = None) -> Problem | None:
    """Return what holds up the pods of a release, a final problem first; None if all pods are only starting.

    One of the release itself comes before one from outside.

    `given`: resources for which the spec gives a request; a message names the others as defaults. None: unknown.
    """
    here = [pod for pod in pods if not _is_leaving(pod)]
    problems = [
        _about_release(container, problem, pod, given)
        for pod in here
        for container, problem in _problems(pod)
    ]
    return max(problems, key=lambda problem: (problem.final, not problem.blameless), default=None)


def _smaller_requests(pod: Body, given: Collection[str] | None) -> str:
    """Return: Its container main requests cpu 500m (the default of e2i) and memory 4Gi. Write smaller amounts ..."""
    containers = pod.get("spec", {}).get("containers") or ()
    main: Body = next((each for each in containers if each["name"] == MODEL_CONTAINER), {})
    amounts = [
        f"{name} {amount}" + ("" if given is None or name in given else " (the default of e2i)")
        for name, amount in sorted(main.get("resources", {}).get("requests", {}).items())
    ]
    requests = f"Its container main requests {' and '.join(amounts)}. " if amounts else ""
    return f"{requests}Write smaller amounts into spec.resources.requests, or free resources on a node"


def bare_pods(pods: Iterable[Body]) -> tuple[str, ...]:
    """Return the names of the pods that were created without what they ask the policy e2i-pods for, sorted.

    One that is being deleted counts until it is gone: the Deployment may still count it as ready.
    """
    return tuple(sorted(pod["metadata"]["name"] for pod in pods if pod.get("isBare")))


def crashes(pods: Iterable[Body]) -> int:
    """Return how often the model's containers ended and were started again, without pods that are being deleted."""
    return sum(_restarts(pod) for pod in pods if not _is_leaving(pod))


def _restarts(pod: Body) -> int:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    own = [each for each in statuses if each["name"] == MODEL_CONTAINER]
    return sum(max(0, each.get("restartCount", 0) - _is_unseen(_last_ending(each))) for each in own)


def _last_ending(container: Body) -> Body | None:
    ended: Body | None = container.get("lastState", {}).get("terminated")
    return ended


def _is_unseen(ended: Body | None) -> bool:
    return ended is not None and ended.get("reason") in _UNSEEN


def _about_release(container: str, problem: Problem, pod: Body, given: Collection[str] | None) -> Problem:
    """Return the problem with its finality, as far as that needs no time, its advice and blame."""
    if problem.reason is Reason.PodUnschedulable:
        smaller, namespace = _smaller_requests(pod, given), pod["metadata"]["namespace"]
        advice = placement_advice(problem.message, smaller, namespace=namespace, of_model=True)
        return replace(problem, message=f"{problem.message}. {advice}", blameless=True)
    if problem.reason is Reason.NodeLost:
        return replace(problem, blameless=True)
    if container != MODEL_CONTAINER:
        message = f"{problem.message}. It is not the model's container: the release is not to blame and is waited for"
        return replace(problem, reason=Reason.SidecarFailed, message=message, blameless=True)
    if problem.reason is Reason.CrashLoop:
        return replace(problem, final=_restarts(pod) >= CRASHES)
    return problem


def build_problem(pods: Iterable[Body]) -> Problem | None:
    """Return what holds up the pods of an image build, with the reason BuildBlocked."""
    found = tuple(pods)
    here = (problem for pod in found if not _is_leaving(pod) for _, problem in _problems(pod))
    problem = next(here, None)
    if problem is None or problem.reason is Reason.CrashLoop:
        # A builder that fails ends the build, and the image builder reports it. A download is tried again.
        return next((failed for pod in found if (failed := _failed_download(pod))), None)
    words = problem.message
    if problem.reason is Reason.PodUnschedulable:
        # The pods of one build are in one namespace.
        namespace = found[0]["metadata"]["namespace"]
        advice = placement_advice(words, "Free resources for it", namespace=namespace, of_model=False)
        words = f"{words}. {advice}"
    return Problem(reason=Reason.BuildBlocked, message=f"the image build cannot start: {words}")


def _failed_download(pod: Body) -> Problem | None:
    """Return a failed download. The Job repeats it for minutes while the image builder only reports a running build."""
    for container in pod.get("status", {}).get("initContainerStatuses") or ():
        ended = container.get("state", {}).get("terminated") or {}
        if ended.get("exitCode"):
            step = container["name"]
            return Problem(
                reason=Reason.BuildBlocked,
                message=f"the step {step} of the image build ended with exit code {ended['exitCode']} and is tried "
                "again",
                log=_log_command(pod, step),
            )
    return None


def _log_command(pod: Body, container: str, *options: str) -> str:
    metadata = pod["metadata"]
    return " ".join(("kubectl logs -n", metadata["namespace"], metadata["name"], "-c", container, *options))


def _is_leaving(pod: Body) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _problems(pod: Body) -> Iterator[tuple[str, Problem]]:
    """Return each problem with the container that has it; the container is empty if the pod has no node."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for condition in status.get("conditions") or ():
        if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
            words = f"pod {name} cannot be placed: {_clause(condition.get('message', ''))}"
            yield "", Problem(reason=Reason.PodUnschedulable, message=words)
    if _is_on_lost_node(status):
        node = pod.get("spec", {}).get("nodeName")
        words = (
            f"pod {name} is on node {node}, which does not answer: kubectl describe node {node}. After five "
            "minutes Kubernetes makes a new pod on another node"
        )
        yield "", Problem(reason=Reason.NodeLost, message=words)
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if problem := _container_problem(pod, container):
            yield container["name"], problem


def _is_on_lost_node(status: Body) -> bool:
    """Return whether somebody else than the pod's node says that the pod is not ready.

    Kubernetes does so when a node is silent, without a reason; the containers stay as the node saw them last.
    """
    told = {each["type"]: each for each in status.get("conditions") or ()}
    ready, containers = told.get("Ready", {}), told.get("ContainersReady", {})
    return (ready.get("status"), containers.get("status")) == ("False", "True") and not ready.get("reason")


def _container_problem(pod: Body, container: Body) -> Problem | None:
    where = f"container {container['name']} of pod {pod['metadata']['name']}"
    waiting = container.get("state", {}).get("waiting", {})
    reason = _WAITING.get(waiting.get("reason", ""))
    ended = _last_ending(container)
    if _is_unseen(ended):
        reason, ended = (None if reason is Reason.CrashLoop else reason), None
    if (reason is Reason.CrashLoop or (ended and not container.get("ready"))) and ended:
        log = _log_command(pod, container["name"], "--previous")
        message = f"{where} {_ending(container, ended)}"
        if ended.get("reason") == "OOMKilled" and container["name"] == MODEL_CONTAINER:
            message += ". It used more memory than its limit: raise spec.resources.limits.memory"
        return Problem(reason=Reason.CrashLoop, message=message, log=log)
    if reason is None:
        return None
    detail = _clause(waiting.get("message") or waiting["reason"])
    if detail.endswith("not found"):
        detail += f". Create it in namespace {pod['metadata']['namespace']}"
    away = reason is Reason.ImagePullFailed and _REGISTRY_AWAY.search(detail) is not None
    message = f"{where} cannot start ({waiting['reason']}): {detail}"
    return Problem(reason=reason, message=message, blameless=away)


def _ending(container: Body, ended: Body) -> str:
    cause = f"signal {ended['signal']}" if ended.get("signal") else f"exit code {ended.get('exitCode')}"
    words = f": {_clause(ended['message'])}" if ended.get("message") else ""
    count = container.get("restartCount", 0)
    times = f"{count} time{'' if count == 1 else 's'}"
    return f"ended {times}, last with {cause} ({ended.get('reason', 'Error')}){words}"


def _clause(words: str) -> str:
    """Return another program's sentence as a clause of a message."""
    return words.strip().rstrip(".")
