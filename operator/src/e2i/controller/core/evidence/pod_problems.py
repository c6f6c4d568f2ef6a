"""Finds in pods what keeps them from becoming ready. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from e2i.api.conditions import Reason, parse_timestamp
from e2i.api.problem import Problem

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


CRASHES = 3
"""Crashes of a container after which its release has failed: one crash may have a cause outside."""
PATIENCE = timedelta(seconds=60)
"""Until a problem is final: a registry may be down for a moment, a Secret may be created later."""
_MAY_PASS = (Reason.ImagePullFailed, Reason.ContainerConfigError)


def release_problem(
    pods: Iterable[Body], now: datetime, given: Collection[str] | None = None
) -> Problem | None:
    """Return what holds up the pods of a release, a final problem first; None if all pods are only starting.

    `given`: resources for which the spec gives a request; a message names the others as defaults. None: unknown.
    """
    here = [pod for pod in pods if not _is_leaving(pod)]
    problems = [
        _with_finality(problem, pod, now)
        for pod in here
        for problem in _problems(pod, _smaller_requests(pod, given))
    ]
    return max(problems, key=lambda problem: problem.final, default=None)


def _smaller_requests(pod: Body, given: Collection[str] | None) -> str:
    """Return: Its container main requests cpu 500m (the default of e2i) and memory 4Gi. Write smaller amounts ..."""
    containers = pod.get("spec", {}).get("containers") or ()
    main: Body = next((each for each in containers if each["name"] == "main"), {})
    amounts = [
        f"{name} {amount}" + ("" if given is None or name in given else " (the default of e2i)")
        for name, amount in sorted(main.get("resources", {}).get("requests", {}).items())
    ]
    requests = f"Its container main requests {' and '.join(amounts)}. " if amounts else ""
    return f"{requests}Write smaller amounts into spec.resources.requests, or free resources on a node"


def crashes(pods: Iterable[Body]) -> int:
    """Return how often containers ended and were started again, without pods that are being deleted."""
    here = [pod for pod in pods if not _is_leaving(pod)]
    statuses = [each for pod in here for each in pod.get("status", {}).get("containerStatuses") or ()]
    return sum(each.get("restartCount", 0) for each in statuses)


def _with_finality(problem: Problem, pod: Body, now: datetime) -> Problem:
    """Return the problem with `final` set."""
    if problem.reason is Reason.CrashLoop:
        statuses = pod.get("status", {}).get("containerStatuses") or ()
        return replace(problem, final=any(each.get("restartCount", 0) >= CRASHES for each in statuses))
    if problem.reason in _MAY_PASS:
        return replace(problem, final=now - parse_timestamp(pod["metadata"]["creationTimestamp"]) >= PATIENCE)
    return problem


def build_problem(pods: Iterable[Body]) -> Problem | None:
    """Return what holds up the pods of an image build, with the reason BuildBlocked."""
    found = tuple(pods)
    problem = _first_problem(found, "Free resources for it")
    if problem is None or problem.reason is Reason.CrashLoop:
        # A builder that fails ends the build, and the image builder reports it. A download is tried again.
        return next((failed for pod in found if (failed := _failed_download(pod))), None)
    return Problem(reason=Reason.BuildBlocked, message=f"the image build cannot start: {problem.message}")


def _failed_download(pod: Body) -> Problem | None:
    """Return a failed download. The Job repeats it for minutes while the image builder only reports a running build."""
    where, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    for container in pod.get("status", {}).get("initContainerStatuses") or ():
        ended = container.get("state", {}).get("terminated") or {}
        if ended.get("exitCode"):
            step = container["name"]
            return Problem(
                reason=Reason.BuildBlocked,
                message=f"the step {step} of the image build ended with exit code {ended['exitCode']} and is tried "
                f"again. Its log: kubectl logs -n {where} {name} -c {step}",
            )
    return None


def _first_problem(pods: Iterable[Body], advice: str) -> Problem | None:
    """Return the first problem. `advice` says what to do if no node accepts the pod."""
    return next((problem for pod in pods if not _is_leaving(pod) for problem in _problems(pod, advice)), None)


def _is_leaving(pod: Body) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _problems(pod: Body, advice: str) -> Iterator[Problem]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    for condition in status.get("conditions") or ():
        if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
            yield Problem(
                reason=Reason.PodUnschedulable,
                message=f"pod {name} cannot be placed: {_clause(condition.get('message', ''))}. {advice}",
            )
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        yield from _container_problem(pod, container)


def _container_problem(pod: Body, container: Body) -> Iterator[Problem]:
    where = f"container {container['name']} of pod {pod['metadata']['name']}"
    waiting = container.get("state", {}).get("waiting", {})
    reason = _WAITING.get(waiting.get("reason", ""))
    ended = container.get("lastState", {}).get("terminated")
    if (reason is Reason.CrashLoop or (ended and not container.get("ready"))) and ended:
        yield Problem(reason=Reason.CrashLoop, message=f"{where} {_ending(pod, container, ended)}")
    elif reason:
        detail = _clause(waiting.get("message") or waiting["reason"])
        if detail.endswith("not found"):
            detail += f". Create it in namespace {pod['metadata']['namespace']}"
        yield Problem(reason=reason, message=f"{where} cannot start ({waiting['reason']}): {detail}")


def _ending(pod: Body, container: Body, ended: Body) -> str:
    cause = f"signal {ended['signal']}" if ended.get("signal") else f"exit code {ended.get('exitCode')}"
    words = f": {_clause(ended['message'])}" if ended.get("message") else ""
    count = container.get("restartCount", 0)
    log = f"kubectl logs -n {pod['metadata']['namespace']} {pod['metadata']['name']} --previous"
    return (
        f"ended {count} time{'' if count == 1 else 's'}, last with {cause} ({ended.get('reason', 'Error')})"
        f"{words}. Its log: {log}"
    )


def _clause(words: str) -> str:
    """Return another program's sentence as a clause of a message."""
    return words.strip().rstrip(".")
