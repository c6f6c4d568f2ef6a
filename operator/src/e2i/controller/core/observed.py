"""`Observed`: everything that one pass read about one model, as values. `None`: read, and not there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from e2i.api.artifact import Artifact
from e2i.api.problem import Problem
from e2i.api.release_record import Record
from e2i.controller.core.children import BentoDeployment, BentoRequest, Child, Malformed, Service, Workload
from e2i.controller.core.drift.judgement import Verdict
from e2i.controller.core.persisted_status import Failure
from e2i.controller.core.pod_health import PodHealth
from e2i.controller.core.records_state import RecordsState
from e2i.controller.core.stretch import Stretch


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """An export that is running; in bytes. `total` is 0 until it is known."""

    done: int
    total: int
    step: Literal["read", "uploaded"] = "uploaded"
    """All files are read once for the digest, then read again and uploaded."""


ExportState = Artifact | Exporting | Problem | None
"""State of the export of one tag; None: not requested yet."""


class VerificationState(Enum):
    """State of a verification that has found nothing wrong so far."""

    RUNNING = "being asked"
    PASSED = "passed"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Everything that one pass read about one model."""

    export: ExportState = None
    requests: tuple[BentoRequest, ...] = ()
    deployments: tuple[BentoDeployment, ...] = ()
    workloads: tuple[Workload, ...] = ()
    runners: tuple[Workload, ...] = ()
    """Deployments of the runners of old-style bentos."""
    service: Service | None = None
    budget: Child | None = None
    """The PodDisruptionBudget of the model's name, whoever owns it."""
    foreign: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of objects in the namespace that this model does not own."""
    leftovers: frozenset[tuple[str, str]] = frozenset()
    """The same for children of a deleted model of this name, which Kubernetes is about to remove."""
    holders: Mapping[tuple[str, str], str] = field(default_factory=dict, hash=False)
    """A sentence about each of both: who has it, or what its removal waits for, and what to do."""
    malformed: tuple[Malformed, ...] = ()
    """Children of the model that cannot be read."""
    orphans: tuple[Child, ...] = ()
    """Children without an owner that the operator made for a model of this name, exactly as it would make them."""
    missing_kinds: frozenset[str] = frozenset()
    """Yatai's kinds that the API server does not serve."""
    lacks_pod_policy: bool = False
    """The cluster has no policy e2i-pods, as far as this model may need it."""
    may_patch: bool = False
    """The operator may write fields of pods into Deployments."""
    unpatched: tuple[tuple[Workload, timedelta], ...] = ()
    """Deployments that lack them, and how long the operator waits because something takes them back."""
    bare_pods: tuple[str, ...] = ()
    """Pods of the target release that were created without what they ask the policy for."""
    pod_problem: Problem | None = None
    """What holds up the pods of the target release or of its build."""
    problem_since: datetime | None = None
    """Since when `pod_problem` has had its reason."""
    stretch: Stretch | None = None
    """None if no build and no pods are waited for."""
    builder_heard: datetime | None = None
    """When yatai-image-builder last changed what it says of any BentoRequest."""
    deployer_heard: datetime | None = None
    """When yatai-deployment last changed what it says of any BentoDeployment."""
    bento_gone: str = ""
    """Name of a Bento of the target or of the serving release that was there and that somebody deleted."""
    bento_altered: str = ""
    """Name of a Bento that names another image than the one that was built for its release."""
    crashes: int = 0
    """How often containers of these pods ended and were started again; read while not all pods are ready."""
    judged_health: PodHealth | None = None
    """Health of the pods of the release that is judged; None if that is the target, or if it is complete."""
    verification: VerificationState | Problem | None = None
    """Verification in the present trial of the desired release; None: not started, or lost. A final problem
    condemns the release, any other holds it up."""
    guard_running: bool = False
    """Whether the metrics of the release that is judged are being read."""
    guard_problem: Problem | None = None
    """The limit of spec.rollout.watch that this release exceeded."""
    guard_sight: Literal["unknown", "clear"] | Problem = "unknown"
    """Whether the metrics can be judged; a Problem says what keeps them from it."""
    drift: Verdict | Literal["off", "unknown"] = "off"
    """What has drifted of the inputs of the serving release; unknown: this operator has not looked often enough."""
    records: tuple[Record, ...] | RecordsState | Problem | None = None
    """The model's records in the release store; None: not read yet."""
    failures: tuple[Failure, ...] = ()
    """Failures that this operator noted and that are not in the status: it could not be written."""
    lacks_record: bool = False
    """Whether the bucket was found without a record of the release that serves: it was lost, or emptied."""
    recorded_served: frozenset[str] = frozenset()
    recorded_failures: frozenset[str] = frozenset()
    recorded_canaries: frozenset[str] = frozenset()
    """Trials with the record that they served, of a failure, or of a canary, in the release store."""

    def request(self, name: str) -> BentoRequest | None:
        return next((request for request in self.requests if request.name == name), None)

    def deployment(self, release: str | None) -> BentoDeployment | None:
        """Return the BentoDeployment of `release`, or None if `release` is None."""
        return next((child for child in self.deployments if release and child.release == release), None)

    def workload(self, deployment: BentoDeployment | None) -> Workload | None:
        """Return the Deployment of this BentoDeployment: the owned one of its name, which Yatai makes.

        None after an edit in place until Yatai has changed the Deployment to the new release.
        """
        if deployment is None:
            return None
        place = (deployment.name, deployment.uid, deployment.release)
        return next((it for it in self.workloads if (it.name, it.owner, it.release) == place), None)
