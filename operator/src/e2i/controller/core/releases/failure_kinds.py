"""The reasons of failures by what failed: the build, the pods, or the verification. Pure."""

from __future__ import annotations

from e2i.api.conditions import Reason

BUILD_FAILURES = (Reason.BuildFailed, Reason.BuildDeadlineExceeded)
POD_FAILURES = (
    Reason.DeploymentRefused,
    Reason.PodsRefused,
    Reason.ImagePullFailed,
    Reason.ContainerConfigError,
    Reason.CrashLoop,
    Reason.PodsLost,
    Reason.ProgressDeadlineExceeded,
)
VERIFICATION_FAILURES = (
    Reason.VerificationFailed,
    Reason.VerificationTimeout,
    Reason.VerificationError,
    Reason.PredictionNotFinite,
    Reason.ContractBroken,
)
