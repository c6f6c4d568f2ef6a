"""Puts the cause of a failure into its message, from the evidence that was collected. Pure.

The message stays true when the pods are gone: it quotes, and names where the rest is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from e2i.api.conditions import Reason, one_line
from e2i.api.model import Model
from e2i.controller.core.evidence.failure_evidence import Evidence, to_status
from e2i.controller.core.plan import Plan

_BY_THE_SERVICE = (
    Reason.CrashLoop,
    Reason.ProgressDeadlineExceeded,
    Reason.PodsLost,
    Reason.ErrorRatioExceeded,
    Reason.VerificationError,
    Reason.VerificationTimeout,
)
"""Failures that an exception in the log of the service may explain."""
_SILENT = "the process ended at once, as by os._exit, by a crash of compiled code, or by a signal"
_BY_A_PROBE = (Reason.CrashLoop, Reason.ProgressDeadlineExceeded, Reason.PodsLost)


def explain(chosen: Plan, evidence: Evidence, model: Model) -> Plan:
    """Return the plan of a failed release with the evidence in its failure, and with the cause in both messages."""
    failure = chosen.failure
    if failure is None:
        return chosen
    sentences = [failure.message.rstrip("."), *_causes(failure.reason, evidence, model)]
    told = one_line(". ".join(sentences))
    return replace(
        chosen,
        message=chosen.message.replace(failure.message.rstrip("."), told, 1),
        failure=replace(failure, message=told, evidence=to_status(evidence)),
        log="",
    )


def _causes(reason: Reason, evidence: Evidence, model: Model) -> Iterator[str]:
    if evidence.probe and reason in _BY_A_PROBE:
        yield f"Its last failed probe: {evidence.probe.rstrip('.')}"
    if evidence.exception and reason in _BY_THE_SERVICE:
        yield f"Its log has {evidence.exception.rstrip('.')}"
        if evidence.variable:
            yield f"Give {evidence.variable} a value in spec.env"
    elif _ended_silently(reason, evidence):
        yield f"Its log has no exception: {_SILENT}"
    if evidence.log:
        yield f"kubectl e2i status {model.name} -n {model.namespace} shows the end of its log"


def _ended_silently(reason: Reason, evidence: Evidence) -> bool:
    """Return whether the container ended by itself, and nothing says why."""
    unexplained = evidence.log and not evidence.probe and evidence.terminated_reason == "Error"
    return bool(unexplained and evidence.exit_code and reason is Reason.CrashLoop)
