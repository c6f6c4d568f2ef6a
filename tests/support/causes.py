"""Every cause for which a release is not to be had, and how to bring it about on the local cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from support import obstacles
from support.e2e import FIRST, HOPELESS
from support.stage import Stage

from e2i.api.conditions import Reason

LATE, LOST = "late:1.0.0", "lost:1.0.0"
"""Copies of the first bento with an image of their own: one is never built, one is taken away."""
MAIN, BARE, TIGHT = "main", "bare", "tight"
"""Namespaces: an ordinary one, one without the Secret that builds download with, one with a quota."""
PREDICT = {"path": "/predict", "body": '{"text": "hello"}', "timeoutSeconds": 30, "retries": 0}
TOO_MUCH = {"requests": {"memory": "900Ti"}, "limits": {"memory": "900Ti"}}


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One model whose first release is good, unless `alone`, and whose second one fails."""

    model: str
    reason: Reason
    situation: str
    """A sentence for the reference page."""
    change: Mapping[str, Any]
    """Of the spec: the release that fails."""
    words: str
    """In the message."""
    evidence: Mapping[str, str | int] = field(default_factory=dict)
    """Fields of status.failedReleases[].evidence; a text is a part of the field's."""
    passing: Reason | None = None
    """What is told while it is waited for; once it is told, the deadline is set to ten seconds."""
    bento: str = FIRST
    namespace: str = MAIN
    obstacle: Callable[[Stage, str], AbstractAsyncContextManager[None]] = obstacles.nothing
    after_switch: Callable[[Stage, str, str], AbstractAsyncContextManager[None]] | None = None
    """What happens to the release when it serves."""
    alone: bool = False
    """There is no good release before it."""
    held: bool = False
    """It is not the release's doing: it is waited for, and not given up."""

    @property
    def told(self) -> tuple[Reason, ...]:
        """In the order in which they are told."""
        passing = self.passing not in (None, self.reason)
        return (self.passing, self.reason) if passing and self.passing else (self.reason,)

    @property
    def rollback(self) -> str:
        chosen: str = self.change.get("rollout", {}).get("rollback", "Automatic")
        return chosen

    @property
    def is_quarantined(self) -> bool:
        """A check that cannot be read is no fault of the release, and Disabled gives nothing up."""
        return not self.held and self.reason is not Reason.CheckInvalid and self.rollback != "Disabled"

    @property
    def goes_back(self) -> bool:
        return self.is_quarantined and self.rollback == "Automatic" and not self.alone


def mood(words: str, **rollout: Any) -> dict[str, Any]:
    return {"env": [{"name": "MOOD", "value": words}], "rollout": rollout}


def another(**rollout: Any) -> dict[str, Any]:
    """A release that runs as well as the first one."""
    return {"env": [{"name": "VERSION", "value": "2"}], "rollout": rollout}


ERRORS = {"seconds": 120, "maxErrorRatio": "0.1", "minRequests": 10}
NAN = {"http": '"score":NaN'}
# Those that take longest come first: the cluster's refusals are final after a minute.
CAUSES = (
    Cause(
        model="refused",
        reason=Reason.DeploymentRefused,
        situation="A ValidatingAdmissionPolicy refuses the Deployment.",
        change=another(),
        words="images of this team have to be signed first",
        obstacle=obstacles.deployments_are_refused,
    ),
    Cause(
        model="crowded",
        reason=Reason.PodsRefused,
        situation="The namespace has a ResourceQuota of one pod, and the previous release has that one.",
        change=another(),
        words="exceeded quota: small-team",
        passing=Reason.PodsRefused,
        held=True,
        namespace=TIGHT,
        obstacle=obstacles.quota_of_one_pod,
    ),
    Cause(
        model="barred",
        reason=Reason.PodsRefused,
        situation="A ValidatingAdmissionPolicy refuses the pods.",
        change=another(),
        words="images of this team have to be signed first",
        obstacle=obstacles.pods_are_refused,
    ),
    Cause(
        model="lost",
        reason=Reason.ImagePullFailed,
        situation="The image was removed from the registry; only the environment of the release changed.",
        change=another(),
        words="cannot start (ImagePullBackOff)",
        evidence={"container": "main"},
        bento=LOST,
        obstacle=obstacles.image_is_gone,
    ),
    Cause(
        model="tokenless",
        reason=Reason.ContainerConfigError,
        situation="An admission policy gives the pods a variable from a Secret that is not there.",
        change=another(),
        words=f'secret "{obstacles.MISSING_SECRET}" not found',
        evidence={"container": "main"},
        obstacle=obstacles.token_is_asked_for,
    ),
    Cause(
        model="ending",
        reason=Reason.CrashLoop,
        situation="The service ends with an exception while it starts.",
        change=mood("ends at once"),
        words="with exit code",
        evidence={
            "terminatedReason": "Error",
            "log": "moody does not want to start today",
            "container": "main",
        },
    ),
    Cause(
        model="unbuildable",
        reason=Reason.BuildFailed,
        situation="The bento asks for a package that nobody has.",
        change={"bento": {"tag": HOPELESS}},
        words="was not built",
    ),
    Cause(
        model="late",
        reason=Reason.BuildDeadlineExceeded,
        situation="The build waits for a Secret that is not in the namespace until the deadline is over.",
        change={"bento": {"tag": LATE}},
        words="after 10 s (spec.rollout.progressDeadlineSeconds)",
        passing=Reason.BuildBlocked,
        namespace=BARE,
        obstacle=obstacles.builds_have_no_secret,
    ),
    Cause(
        model="hungry",
        reason=Reason.PodUnschedulable,
        situation="The pod asks for more memory than any node has.",
        change={"resources": TOO_MUCH},
        words="Insufficient memory",
        passing=Reason.PodUnschedulable,
        held=True,
    ),
    Cause(
        model="unready",
        reason=Reason.ProgressDeadlineExceeded,
        situation="The service runs, but never says that it is ready.",
        # Long enough for a busy machine to have started the pod by then.
        change=mood("never ready", progressDeadlineSeconds=45),
        words="not ready after 45 s (spec.rollout.progressDeadlineSeconds): 0 of 1 pods",
        evidence={"container": "main"},
    ),
    Cause(
        model="drained",
        reason=Reason.PodsLost,
        situation="After the switch the only pod is deleted, as by a drained node.",
        change=another(watch={"seconds": 120, "maxErrorRatio": "0.5"}),
        words="is ready any more",
        after_switch=obstacles.pods_are_deleted,
    ),
    Cause(
        model="crashing",
        reason=Reason.CrashLoop,
        situation="After the switch the only pod is killed by a request.",
        change=mood("crashes: 20", watch={"seconds": 120, "maxErrorRatio": "0.9"}),
        words="is ready any more",
        evidence={"exitCode": 137, "log": "moody crashes at request"},
        after_switch=obstacles.requests_come,
    ),
    Cause(
        model="erring",
        reason=Reason.ErrorRatioExceeded,
        situation="After the switch every second request is answered with 500.",
        change=mood("errors: 0.5", watch=ERRORS),
        words="spec.rollout.watch.maxErrorRatio allows 0.1",
        evidence={"log": "moody fails at request"},
        after_switch=obstacles.requests_come,
    ),
    Cause(
        model="slow",
        reason=Reason.LatencyExceeded,
        situation="After the switch every answer takes a second.",
        change=mood("slow: 1", watch={"seconds": 120, "maxLatencyP99": "500ms", "minRequests": 10}),
        words="spec.rollout.watch.maxLatencyP99 allows 500 ms",
        evidence={"container": "main"},
        after_switch=obstacles.requests_come,
    ),
    Cause(
        model="wrong",
        reason=Reason.VerificationFailed,
        situation="A golden prediction is answered with another text than expected.",
        change=another(verify=[{**PREDICT, "expect": {"subset": '{"text": "goodbye"}'}}]),
        words='$.text should be "goodbye", but is "hello"',
        evidence={"http": 'POST /predict -> 200: {"text":"hello"', "container": "main"},
    ),
    Cause(
        model="silent",
        reason=Reason.VerificationTimeout,
        situation="A golden prediction is not answered in time.",
        change=mood("slow: 30", verify=[{**PREDICT, "timeoutSeconds": 1}]),
        words="no answer within 1 s",
        evidence={"http": "POST /predict -> no answer within 1 s"},
    ),
    Cause(
        model="broken",
        reason=Reason.VerificationError,
        situation="A golden prediction is answered with 500.",
        change=mood("errors: 1", verify=[PREDICT]),
        words="the status should be 200, but is 500",
        evidence={"http": "POST /predict -> 500: ", "log": "moody fails at request 1"},
    ),
    Cause(
        model="boundless",
        reason=Reason.PredictionNotFinite,
        situation="A golden prediction is answered with NaN.",
        change=mood("answers NaN", verify=[PREDICT]),
        words="$.score should be a finite number, but is NaN",
        evidence=NAN,
    ),
    Cause(
        model="formless",
        reason=Reason.ContractBroken,
        situation="The answer holds a label that spec.rollout.contract does not know.",
        change=another(verify=[PREDICT], contract={"labels": ["stay", "leave"], "labelPath": "$.text"}),
        words='$.text should be one of the labels leave, stay, but is "hello"',
        evidence={"http": "POST /predict -> 200: "},
    ),
    Cause(
        model="unclear",
        reason=Reason.CheckInvalid,
        situation="The body of a golden prediction is no JSON.",
        change=another(verify=[{**PREDICT, "body": '{"text": "hel'}]),
        words="spec.rollout.verify[0]",
    ),
)
# The same failure where the release is not taken back.
NOT_TAKEN_BACK = (
    Cause(
        model="first",
        reason=Reason.PredictionNotFinite,
        situation="The same of a model's first release.",
        change=mood("answers NaN", verify=[PREDICT]),
        words="There is no earlier release to go back to",
        evidence=NAN,
        alone=True,
    ),
    Cause(
        model="by-hand",
        reason=Reason.PredictionNotFinite,
        situation="The same with spec.rollout.rollback: Manual.",
        change=mood("answers NaN", verify=[PREDICT], rollback="Manual"),
        words="serves in its place",
        evidence=NAN,
    ),
    Cause(
        model="never-back",
        reason=Reason.PredictionNotFinite,
        situation="The same with spec.rollout.rollback: Disabled.",
        change=mood("answers NaN", verify=[PREDICT], rollback="Disabled"),
        words="$.score should be a finite number, but is NaN",
    ),
    Cause(
        model="by-hand-late",
        reason=Reason.ErrorRatioExceeded,
        situation="The same with spec.rollout.rollback: Manual.",
        change=mood("errors: 0.5", watch=ERRORS, rollback="Manual"),
        words="spec.rollout.rollback is Manual: it continues to serve until the spec changes",
        evidence={"log": "moody fails at request"},
        after_switch=obstacles.requests_come,
    ),
)
