"""What pods say about why they are not ready."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_pod

from e2i.api.conditions import Reason
from e2i.controller.core.evidence import pod_problems
from e2i.controller.core.evidence.refusals import refusal_advice


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return {"name": "main", "ready": False, "restartCount": 0, "state": state, **more}


def ended(**how: Any) -> dict[str, Any]:
    return {"terminated": {"exitCode": 1, "reason": "Error", **how}}


UNPLACED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient memory."}


@pytest.mark.parametrize(
    ("pod", "reason", "words"),
    [
        pytest.param(a_pod(conditions=[UNPLACED]), Reason.PodUnschedulable,
                     "cannot be placed: 0/1 nodes: Insufficient memory. Write smaller amounts into spec.resources",
                     id="no node has room"),
        pytest.param(a_pod(containers=[waiting("ImagePullBackOff", "no such image")]), Reason.ImagePullFailed,
                     "cannot start (ImagePullBackOff): no such image", id="the image cannot be had"),
        pytest.param(a_pod(containers=[waiting("InvalidImageName")]), Reason.ImagePullFailed,
                     "cannot start (InvalidImageName): InvalidImageName", id="a reason without a message"),
        pytest.param(a_pod(containers=[waiting("CreateContainerConfigError", 'secret "x" not found')]),
                     Reason.ContainerConfigError, 'secret "x" not found', id="a Secret is missing"),
        pytest.param(a_pod(init=[waiting("ErrImagePull", "gone")]), Reason.ImagePullFailed, "gone",
                     id="init containers count"),
        pytest.param(a_pod(containers=[waiting("CrashLoopBackOff", restartCount=3, lastState=ended())]),
                     Reason.CrashLoop, "ended 3 times, last with exit code 1 (Error)",
                     id="it starts and ends again and again"),
        pytest.param(a_pod(containers=[waiting("CrashLoopBackOff", restartCount=1,
                                               lastState=ended(signal=9, reason="OOMKilled", message=" killed\n"))]),
                     Reason.CrashLoop, "ended 1 time, last with signal 9 (OOMKilled): killed. It used more memory than "
                     "its limit: raise spec.resources.limits.memory",
                     id="memory ran out"),
        pytest.param(a_pod(containers=[{"name": "main", "ready": False, "restartCount": 2,
                                        "state": {"running": {}}, "lastState": ended()}]),
                     Reason.CrashLoop, "ended 2 times", id="it runs again, and ended before"),
        pytest.param(a_pod(containers=[waiting("CrashLoopBackOff", "back-off 5m0s")]), Reason.CrashLoop,
                     "cannot start (CrashLoopBackOff): back-off 5m0s", id="a crash loop that hides its ending"),
    ],
)  # fmt: skip
def test_what_holds_a_pod_up(pod: dict[str, Any], reason: Reason, words: str) -> None:
    problem = pod_problems.release_problem([pod])
    assert problem
    assert problem.reason is reason
    assert words in problem.message


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(a_pod(), id="it was only just made"),
        pytest.param(a_pod(containers=[waiting("ContainerCreating")]), id="it is being made"),
        pytest.param(a_pod(containers=[waiting("PodInitializing")]), id="it waits for its init containers"),
        pytest.param(
            a_pod(
                conditions=[{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
            ),
            id="it has a node and is not ready",
        ),
        pytest.param(a_pod(leaving=True, containers=[waiting("CrashLoopBackOff")]), id="it is going anyway"),
        pytest.param(
            a_pod(
                containers=[{"name": "main", "ready": True, "state": {"running": {}}, "lastState": ended()}]
            ),
            id="it ended once and is ready again",
        ),
        *(
            pytest.param(
                a_pod(
                    containers=[
                        {**waiting(state, restartCount=3), "lastState": ended(reason=unseen, exitCode=255)}
                    ]
                ),
                id=f"its node restarted: {state}, {unseen}",
            )
            for state in ("CrashLoopBackOff", "ContainerCreating")
            for unseen in ("Unknown", "ContainerStatusUnknown")
        ),
    ],
)
def test_a_pod_that_merely_starts_is_no_trouble(pod: dict[str, Any]) -> None:
    assert pod_problems.release_problem([pod]) is None


def test_the_first_pod_in_trouble_is_told() -> None:
    problem = pod_problems.release_problem([a_pod(), a_pod(name="second", conditions=[UNPLACED])])
    assert problem
    assert "pod second" in problem.message


def test_a_build_that_cannot_start_says_why() -> None:
    problem = pod_problems.build_problem([a_pod(conditions=[UNPLACED])])
    assert problem
    assert problem.reason is Reason.BuildBlocked
    assert problem.message.startswith("the image build cannot start: pod ")
    assert "spec.resources" not in problem.message, "they are the model's, not the build's"


def test_a_build_step_that_failed_is_left_to_its_job() -> None:
    assert pod_problems.build_problem([a_pod(containers=[waiting("x", lastState=ended())])]) is None
    assert pod_problems.build_problem([]) is None


def test_a_download_that_fails_is_told_although_the_job_tries_again() -> None:
    pod = a_pod()
    pod["status"]["initContainerStatuses"] = [
        {"name": "bento-downloader", "state": {"terminated": {"exitCode": 1}}}
    ]
    problem = pod_problems.build_problem([pod])
    assert problem is not None
    assert problem.reason is Reason.BuildBlocked
    assert "bento-downloader of the image build ended with exit code 1" in problem.message
    assert problem.log == "kubectl logs -n models churn-0b1d77e2-abc -c bento-downloader"


def test_a_download_that_went_well_is_no_trouble() -> None:
    pod = a_pod()
    pod["status"]["initContainerStatuses"] = [
        {"name": "bento-downloader", "state": {"terminated": {"exitCode": 0}}}
    ]
    assert pod_problems.build_problem([pod]) is None


def test_who_misses_a_secret_is_told_where_to_make_it() -> None:
    missing = {"reason": "CreateContainerConfigError", "message": 'secret "e2i-bento-download" not found'}
    pod = a_pod(containers=[{"name": "builder", "state": {"waiting": missing}}])
    problem = pod_problems.build_problem([pod])
    assert problem is not None
    assert problem.message.endswith('secret "e2i-bento-download" not found. Create it in namespace models')


@pytest.mark.parametrize(
    ("pod", "final"),
    [
        pytest.param(a_pod(containers=[waiting("ImagePullBackOff")]), False, id="that needs time"),
        pytest.param(a_pod(containers=[waiting("CrashLoopBackOff", lastState=ended()) | {"restartCount": 2}]),
                     False, id="two crashes may be bad luck with a neighbour"),
        pytest.param(a_pod(containers=[waiting("CrashLoopBackOff", lastState=ended()) | {"restartCount": 3}]),
                     True, id="three are no luck"),
    ],
)  # fmt: skip
def test_what_will_not_pass_by_itself(pod: dict[str, Any], final: bool) -> None:
    problem = pod_problems.release_problem([pod])
    assert problem
    assert problem.final is final


@pytest.mark.parametrize(
    ("words", "blameless"),
    [
        ("dial tcp 10.0.0.1:5000: connect: connection refused", True),
        ("lookup registry.example: no such host", True),
        ("unexpected status code 503 Service Unavailable", True),
        ("received unexpected HTTP status: 502 Bad Gateway", True),
        ("toomanyrequests: You have reached your pull rate limit", True),
        ("net/http: TLS handshake timeout", True),
        ("context deadline exceeded", True),
        ("rpc error: code = NotFound desc = registry.example/bentos:yatai.churn.1 not found", False),
        ("manifest unknown", False),
        ("pull access denied, repository does not exist or may require authorization", False),
    ],
)
def test_a_registry_that_cannot_be_reached_is_not_the_release_s_doing(words: str, blameless: bool) -> None:
    problem = pod_problems.release_problem([a_pod(containers=[waiting("ErrImagePull", words)])])
    assert problem
    assert (problem.reason, problem.blameless) == (Reason.ImagePullFailed, blameless)


LOST = [
    {"type": "Ready", "status": "False"},
    {"type": "ContainersReady", "status": "True"},
    {"type": "PodScheduled", "status": "True"},
]
"""What Kubernetes leaves of the conditions when a node is silent."""


def test_a_pod_whose_node_is_silent_names_the_node_and_condemns_nobody() -> None:
    pod = a_pod(conditions=LOST, containers=[{"name": "main", "ready": True, "restartCount": 0}])
    pod["spec"] = {"nodeName": "worker-7"}
    problem = pod_problems.release_problem([pod])
    assert problem
    assert (problem.reason, problem.blameless, problem.final) == (Reason.NodeLost, True, False)
    assert "is on node worker-7, which does not answer: kubectl describe node worker-7" in problem.message


@pytest.mark.parametrize("reason", ["ReadinessGatesNotReady", "ContainersNotReady", "PodCompleted"])
def test_a_pod_that_its_own_node_calls_not_ready_is_on_no_lost_node(reason: str) -> None:
    conditions = [{**LOST[0], "reason": reason}, *LOST[1:]]
    assert pod_problems.release_problem([a_pod(conditions=conditions)]) is None


def test_a_pod_that_no_node_takes_is_not_the_release_s_doing() -> None:
    problem = pod_problems.release_problem([a_pod(conditions=[UNPLACED])])
    assert problem
    assert problem.blameless


def test_what_is_of_the_release_is_told_before_what_is_not() -> None:
    passing, lasting = (
        a_pod(conditions=[UNPLACED]),
        a_pod(name="second", containers=[waiting("ErrImagePull")]),
    )
    problem = pod_problems.release_problem([passing, lasting])
    assert problem
    assert problem.reason is Reason.ImagePullFailed


@pytest.mark.parametrize(
    "sidecar",
    [
        pytest.param(
            waiting("CrashLoopBackOff", restartCount=9, lastState=ended()), id="it ends again and again"
        ),
        pytest.param(waiting("ImagePullBackOff", "no such image"), id="its image cannot be had"),
        pytest.param(waiting("CreateContainerConfigError", "no Secret"), id="it cannot be configured"),
    ],
)
def test_a_container_beside_the_model_s_is_named_and_condemns_nobody(sidecar: dict[str, Any]) -> None:
    pod = a_pod(containers=[{"name": "main", "ready": True}, sidecar | {"name": "metrics-transformer"}])
    problem = pod_problems.release_problem([pod])
    assert problem
    assert (problem.reason, problem.final, problem.blameless) == (Reason.SidecarFailed, False, True)
    assert problem.message.startswith("container metrics-transformer of pod churn-0b1d77e2-abc ")
    assert "the release is not to blame" in problem.message


def test_the_log_that_is_named_is_that_of_the_container() -> None:
    looping = waiting("CrashLoopBackOff", restartCount=1, lastState=ended())
    (of_main, of_proxy) = (
        pod_problems.release_problem([a_pod(containers=[looping | {"name": name}])])
        for name in ("main", "proxy")
    )
    assert of_main
    assert of_main.log == "kubectl logs -n models churn-0b1d77e2-abc -c main --previous"
    assert of_proxy
    assert of_proxy.log == "kubectl logs -n models churn-0b1d77e2-abc -c proxy --previous"


def test_the_model_s_own_crash_is_told_before_that_of_a_container_beside_it() -> None:
    crash = waiting("CrashLoopBackOff", restartCount=1, lastState=ended())
    pod = a_pod(containers=[crash | {"name": "proxy", "restartCount": 9}, crash])
    problem = pod_problems.release_problem([pod])
    assert problem
    assert problem.reason is Reason.CrashLoop


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        pytest.param("0/2 nodes are available: 2 Insufficient cpu.", "Write smaller amounts into", id="no room"),
        pytest.param("0/1 nodes are available: 1 node(s) were unschedulable.", "kubectl uncordon NODE", id="cordoned"),
        pytest.param("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}.",
                     "without that taint, or change spec.tolerations", id="a taint"),
        pytest.param("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
                     "or change spec.nodeSelector or spec.affinity.nodeAffinity", id="a selector"),
        pytest.param("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
                     "Add a node, or change spec.affinity.podAntiAffinity", id="pods that avoid each other"),
        pytest.param("0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
                     "or change spec.affinity.podAffinity", id="pods that seek others"),
        pytest.param("0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints.",
                     "or change spec.topologySpreadConstraints", id="a spread"),
        pytest.param("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.", "kubectl uncordon",
                     id="both"),
        pytest.param('0/1 nodes are available: persistentvolumeclaim "features" not found. not found.',
                     "Create the PersistentVolumeClaim, or change spec.volumes", id="a claim that is not there"),
        pytest.param("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found.",
                     "kubectl describe pvc -n models says why", id="a claim without a volume"),
        pytest.param("something new", "Change what keeps the pod from the nodes", id="unknown words"),
    ],
)  # fmt: skip
def test_the_advice_fits_why_no_node_takes_the_pod(words: str, advice: str) -> None:
    problem = pod_problems.release_problem([a_pod(conditions=[UNPLACED | {"message": words}])])
    assert problem
    assert advice in problem.message
    assert ("spec.resources" in problem.message) is ("Insufficient" in words)


@pytest.mark.parametrize(
    ("sentence", "advice"),
    [
        pytest.param('pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1',
                     "Raise the number of pods in the quota", id="a quota of pods"),
        pytest.param('pods "x" is forbidden: exceeded quota: q, requested: limits.cpu=2,pods=1, used: ...',
                     "Raise the number of pods in the quota", id="a quota of pods and more"),
        pytest.param('pods "x" is forbidden: exceeded quota: q, requested: requests.cpu=2, used: ...',
                     "or request less in spec.resources", id="a quota of CPU"),
        pytest.param('pods "x" is forbidden: failed quota: q: must specify limits.cpu', "Give what the quota asks for",
                     id="a quota that wants a limit"),
        pytest.param('pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
                     "enforce=baseline", id="PodSecurity"),
        pytest.param("maximum memory usage per Container is 1Gi, but limit is 4Gi", "LimitRange", id="a LimitRange"),
        pytest.param("admission webhook denied the request: unsigned", "Change the rule that refuses", id="a webhook"),
    ],
)  # fmt: skip
def test_the_advice_fits_why_the_cluster_refuses_a_pod(sentence: str, advice: str) -> None:
    assert advice in refusal_advice(sentence)


def test_the_advice_names_the_amounts_that_nobody_wrote() -> None:
    sentence = (
        "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=800m, limited: requests.cpu=1"
    )
    advice = refusal_advice(sentence, ["requests.cpu", "requests.memory"])
    assert advice.endswith(
        "or request less in spec.resources; requests.cpu of this model is the default of e2i"
    )
    assert "default" not in refusal_advice(sentence, ["requests.memory"])
    assert "default" not in refusal_advice("admission webhook denied the request: cpu", ["requests.cpu"])


def test_crashes_of_all_pods_that_stay_are_counted() -> None:
    crashed, sidecar = {"name": "main", "restartCount": 2}, {"name": "proxy", "restartCount": 9}
    found = [
        a_pod(containers=[crashed]),
        a_pod(containers=[sidecar, crashed]),
        a_pod(leaving=True, containers=[crashed]),
    ]
    assert pod_problems.crashes([*found, a_pod(), {"metadata": {"name": "new"}}]) == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(None, "requests cpu 500m and memory 4Gi. Write smaller amounts into", id="nobody knows the spec"),
        pytest.param((), "requests cpu 500m (the default of e2i) and memory 4Gi (the default of e2i). Write",
                     id="the spec says nothing"),
        pytest.param(("memory",), "requests cpu 500m (the default of e2i) and memory 4Gi. Write smaller amounts into "
                     "spec.resources.requests, or free resources on a node", id="the spec gives one of the two"),
        pytest.param(("cpu", "memory"), "requests cpu 500m and memory 4Gi. Write", id="the spec gives both"),
    ],
)  # fmt: skip
def test_a_pod_without_a_node_names_what_it_requests_and_which_amounts_are_defaults(
    given: tuple[str, ...] | None, words: str
) -> None:
    sidecar = {"name": "proxy", "resources": {"requests": {"cpu": "100m"}}}
    main = {"name": "main", "resources": {"requests": {"memory": "4Gi", "cpu": "500m"}}}
    pod = a_pod(conditions=[UNPLACED]) | {"spec": {"containers": [sidecar, main]}}
    problem = pod_problems.release_problem([pod], given)
    assert problem
    assert f"Insufficient memory. Its container main {words}" in problem.message
