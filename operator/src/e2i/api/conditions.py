"""All condition types and reasons of an E2IModel, with one sentence for each reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

from e2i.api.plain_text import clean

Status = Literal["True", "False", "Unknown"]

READY = "Ready"
EXPORTED = "BentoExported"
BUILT = "ImageBuilt"
VERIFIED = "Verified"
SERVING = "ReleaseServing"
ROLLED_BACK = "RolledBack"
RECONCILING = "Reconciling"
STALLED = "Stalled"
WATCH_BLIND = "WatchBlind"
DRIFTED = "Drifted"
CONTESTED = "Contested"
"""The only one that is written by another operator than the one that operates the model."""

ALWAYS = (READY, EXPORTED, BUILT, VERIFIED, SERVING)
"""Every status has these."""
ONCE_JUDGED = (DRIFTED,)
"""A status has these, True or False, as soon as enough was seen of the serving release."""
WHILE_TRUE = (ROLLED_BACK, WATCH_BLIND, CONTESTED, RECONCILING, STALLED)
"""A status has these only while they are true, as kstatus expects."""


NOTHING_SAID = "no reason was given"
"""A message of others without a printable character. Each condition and each failure needs a message."""
LONGEST_MESSAGE = 1024
"""Bytes of UTF-8. An Event has the same words, and the API server takes no more."""


class Reason(Enum):
    """A word that stays the same between versions; its value is the sentence of the reference page."""

    # Success.
    Ready = "The desired release serves with at least the minimum of its pods."
    Exported = "The bento lies in the bucket under its digest."
    Built = "Yatai has an image of the bento."
    ImageGiven = "spec.bento.image names an image that was built elsewhere: nothing is exported or built."
    Serving = "The model's Service sends requests to ready pods of a release."

    # Progress.
    Pending = "An earlier step has to end first."
    Exporting = "The bento is being uploaded."
    Resolving = "The registry is asked for the digest of the image's tag."
    Building = "Yatai builds the image."
    Deploying = "Pods of the release are starting."
    Scaling = "The number of pods is changing."
    Switching = "The Service is about to move to the release."
    Verifying = "The release is being asked its golden predictions."
    Verified = "The release gave the predictions that spec.rollout.verify expects."
    NotAsked = "The release was asked for no golden prediction."
    InputsAsTrained = "The inputs of the serving release are distributed as in its training data."
    Promoting = "A canary takes its next share of the requests."
    CanaryPaused = "The canary keeps its share for a time, or until somebody promotes it."
    Paused = "The annotation serving.e2i.dev/paused holds the rollout where it is."
    Suspended = "spec.suspend is true: the operator leaves the model as it is."
    Parked = "spec.replicas is 0: the model has no pods. Its record, its image and its address stay."
    Deleting = "The model is being deleted."

    # The inputs.
    InputsDrifted = "The inputs of the serving release are distributed otherwise than in its training data."

    # The objects.
    SpecUnreadable = "The spec has a form that this operator cannot read."
    ChildUnreadable = "A child of the model has a form that the operator cannot read."

    # The bento.
    TagRefused = "The tag is not an exact name:version."
    BentoNotFound = "The store has no bento of exactly this tag."
    BentoUnreadable = "The bento in the store is damaged or half-copied."
    ModelMissing = "A model that the bento refers to is not in the store."
    NoDeclaredModel = "The bento declares no model, so its archive would hold none."
    UnsafeFile = "The bento holds a file that no archive may hold."
    BentoTooLarge = "The bento has more bytes than the operator takes, or than its namespace may have."
    BentoChanged = "The bento changed while it was read."

    # The image.
    ImageTagRefused = (
        "The image has a tag in place of a digest, and the operator's settings do not allow that."
    )
    ImageNotFound = "The registry has no image of this name and tag."
    RegistryAccessDenied = "The registry refuses the operator's question."
    RegistryUnreachable = "The registry does not answer, or not as a registry does."

    # The bucket.
    BucketNotConfigured = "The operator has no bucket: only images that were built elsewhere can be released."
    BucketUnreachable = "The S3 server does not answer."
    BucketNotFound = "The S3 server has no such bucket."
    BucketAccessDenied = "The S3 server refuses the operator's credentials."
    BucketRefused = "The S3 server refuses a request, for a cause that has no reason of its own."
    UploadInterrupted = "The upload broke off."
    ArchiveConflict = "Another content lies under the archive's key."
    ArchiveCorrupted = "The content of the bucket differs from the content that was sent."
    ExportFailed = "The export failed for a cause that has no reason of its own."

    # The cluster.
    YataiNotInstalled = "The cluster does not serve Yatai's kinds."
    SeveralOperators = (
        "Another installation of the operator operates the model, and this one leaves it alone."
    )
    NameTaken = "An object of somebody else has the name of one of the model's children."
    ImageChanged = "Somebody changed the image in a Bento. The operator writes the one that was built again."
    Refused = "The API server refused an object that the operator wrote."
    RightMissing = "The operator's account lacks a right, or its cluster role is not bound any more."
    WebhookFailing = (
        "An admission webhook of somebody else does not answer, so the API server takes no object."
    )
    ApiUnavailable = "The API server did not take a request."
    YataiNotResponding = "A controller of Yatai has not looked at an object of the model for a minute."

    PodPolicyMissing = (
        "A field cannot reach the pods: the policy e2i-pods is missing, or came too late for a pod."
    )

    # Held up by somebody else.
    SecretUnreadable = (
        "A Secret whose value a golden prediction sends cannot be read. The release is not to blame."
    )
    NodeLost = "The node of a pod does not answer. After five minutes there is a new pod on another node."
    SidecarFailed = "A container beside the model's own does not run. The release is not to blame."
    MetricsUnreadable = (
        "spec.rollout.watch judges nothing: the pods give no metrics that count their requests."
    )
    LatencyUnclear = "The buckets of the metrics are too coarse to judge spec.rollout.watch.maxLatencyP99."

    # The build and the pods.
    BuildFailed = "The image build ended in failure."
    BuildDeadlineExceeded = "The image build took longer than spec.rollout.progressDeadlineSeconds."
    BuildBlocked = "The build's pod cannot start, or cannot get the archive."
    DeploymentRefused = "yatai-deployment could not make the Deployment."
    PodsRefused = "The cluster refuses to create the pods: a quota or an admission rule."
    PodUnschedulable = "No node has room for a pod."
    ImagePullFailed = "A pod's image cannot be pulled."
    ContainerConfigError = "A container cannot be started as configured."
    CrashLoop = "A container ended by itself and was started again, or waits for its next start."
    ProgressDeadlineExceeded = "The pods were not all ready within spec.rollout.progressDeadlineSeconds."

    # The verification.
    CheckInvalid = "spec.rollout.verify, contract or watch cannot be understood."
    VerificationFailed = "The release answered a golden prediction otherwise than expected."
    VerificationTimeout = "The release did not answer a golden prediction in time."
    VerificationError = "The release failed while it answered a golden prediction."
    PredictionNotFinite = "A prediction holds NaN, an infinity, or nothing where a number belongs."
    ContractBroken = "An answer does not have the form that spec.type asks for."

    # After the switch.
    ErrorRatioExceeded = "More requests failed after the switch than spec.rollout.watch allows."
    LatencyExceeded = "Requests took longer after the switch than spec.rollout.watch allows."
    PodsLost = "The release lost its ready pods soon after it took the requests."


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One condition, before generation and time are added."""

    type: str
    status: Status
    reason: Reason
    message: str


def fact(type_: str, status: Status, reason: Reason, message: str) -> Fact:
    """Return the fact with its message on one line and short enough for the status."""
    return Fact(type=type_, status=status, reason=reason, message=one_line(message))


def merge_conditions(
    old: Iterable[Mapping[str, Any]], facts: Iterable[Fact], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return the conditions to write, in the order of `facts`.

    `lastTransitionTime` changes only if the status of the condition changed."""
    before = {condition["type"]: condition for condition in old}
    return [_condition(before.get(fact.type), fact, generation, now) for fact in facts]


def _condition(old: Mapping[str, Any] | None, fact: Fact, generation: int, now: datetime) -> dict[str, Any]:
    unchanged = old is not None and old["status"] == fact.status
    since = old["lastTransitionTime"] if old is not None and unchanged else timestamp(now)
    return {
        "type": fact.type,
        "status": fact.status,
        "reason": fact.reason.name,
        "message": fact.message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


def one_line(message: str) -> str:
    """Return the message on one line of printable characters, cut to LONGEST_MESSAGE bytes."""
    return clean(message, LONGEST_MESSAGE) or NOTHING_SAID


def timestamp(moment: datetime) -> str:
    """Return the time in whole seconds of UTC, as Kubernetes writes it: 2026-11-21T12:00:00Z"""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Parse a time of ISO 8601; one without a zone is in UTC. ValueError if it is not a time from 1971 to 2999.

    The API server accepts more forms than it writes, and people write anything into annotations.
    """
    moment = datetime.fromisoformat(text)
    if not 1970 < moment.year < 3000:
        raise ValueError(f"{text!r} is not a time between 1971 and 2999")
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
