"""Checks of the operator, of its bucket and of what some models need. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from e2i.api.conditions import Reason
from e2i.controller.core.evidence.refusals import write_refusal
from e2i.inspection.doctor.deployments import available
from e2i.inspection.doctor.facts import INSTALL, Finding, Installation, Object, Operator, State, unreadable
from e2i.inspection.doctor.neighbours import check_neighbours
from e2i.inspection.doctor.policy_checks import check_policies

LEASE_SILENT = timedelta(seconds=60)
MOST_STRAYS = 5
LOGS = "docs/howto/read-the-logs.md"

OF_THE_BUCKET = {
    Reason.Exported.name,
    Reason.BucketUnreachable.name,
    Reason.BucketNotFound.name,
    Reason.BucketAccessDenied.name,
    Reason.BucketRefused.name,
    Reason.UploadInterrupted.name,
    Reason.ArchiveCorrupted.name,
}
"""Reasons of BentoExported that tell how the bucket is."""


def check_operator(seen: Installation) -> Iterator[Finding]:
    """Return a finding for the operator, its Lease, its rights, the bucket, the policies and the metrics server."""
    yield _operator(seen)
    yield from check_neighbours(seen)
    yield _leader(seen)
    yield _strays(seen)
    yield _rights(seen)
    yield from _misspelt_settings(seen)
    yield _bucket(seen)
    yield from check_policies(seen)
    yield _metrics(seen)


def _operator(seen: Installation) -> Finding:
    if seen.deployments is None:
        return unreadable("operator", "deployments")
    found = _deployment(seen)
    if found is None:
        return Finding("operator", State.FAILED, "it is not installed", f"Install it ({INSTALL}).")
    place = f"Deployment {found['metadata']['namespace']}/{found['metadata']['name']}"
    state = available("operator", found, place)
    if state.state is State.FAILED:
        return _with_its_error(state, seen)
    if seen.health is not None and seen.health.get("code") != 200:
        told = [*seen.health.get("stale", ()), seen.health.get("unready") or ""]
        why = "; ".join(filter(None, told)) or f"/readyz answers {seen.health.get('code')}"
        return Finding("operator", State.FAILED, why, f"Read its log ({LOGS}).")
    if state.state is not State.OK:
        return _with_its_error(state, seen)
    if seen.health is None:
        return state
    return Finding("operator", State.OK, f"{place}, {seen.health.get('models', '?')} models")


def _deployment(seen: Installation) -> Object | None:
    places = {(each.namespace, each.name) for each in seen.operators[:1]}
    return next(
        (
            each
            for each in seen.deployments or ()
            if (each["metadata"]["namespace"], each["metadata"]["name"]) in places
        ),
        None,
    )


def _with_its_error(state: Finding, seen: Installation) -> Finding:
    """Return the finding with the last error of the operator's log, which Kubernetes does not know.

    Without one, with its last warning that is not about a single model: what it waits for is no error.
    """
    errors = [line for line in seen.log or () if line.get("severity") in ("error", "critical")]
    warnings = [line for line in seen.log or () if line.get("severity") == "warn" and "model" not in line]
    if not (errors or warnings):
        return state
    what, last = ("error", errors[-1]) if errors else ("warning", warnings[-1])
    return replace(
        state,
        message=f"{state.message}; the last {what} in its log: {last.get('message', '')}",
        next_step=f"Correct what it names, or read the whole log ({LOGS}).",
    )


def _strays(seen: Installation) -> Finding:
    part = "namespaces"
    if seen.strays is None:
        return unreadable(part, "e2imodels in all namespaces")
    if not seen.operators:
        return Finding(part, State.OK, "no operator looks at any")
    looked_at = "; ".join(_looks_at(each, len(seen.operators)) for each in seen.operators)
    if not seen.strays:
        return Finding(part, State.OK, looked_at)
    rest = f" and {len(seen.strays) - MOST_STRAYS} more" if len(seen.strays) > MOST_STRAYS else ""
    return Finding(
        part,
        State.WARNING,
        f"{looked_at}; no operator has looked at {', '.join(seen.strays[:MOST_STRAYS])}{rest}",
        f"Add their namespaces to E2I_NAMESPACES (the chart's namespaces: {INSTALL}), or apply them elsewhere.",
    )


def _looks_at(operator: Operator, count: int) -> str:
    who = "the operator" if count == 1 else f"the operator {operator.place}"
    return f"{who} looks at {', '.join(operator.namespaces) or 'all'}"


def _leader(seen: Installation) -> Finding:
    if seen.lease is None:
        return unreadable("leader", "leases")
    if not seen.lease:
        return Finding(
            "leader",
            State.FAILED,
            f"there is no Lease {seen.operators[0].lease}" if seen.operators else "no operator has a Lease",
            f"No operator has ever been active there: read its log ({LOGS}).",
        )
    spec = seen.lease.get("spec", {})
    renewed = _moment(spec.get("renewTime"))
    if not spec.get("holderIdentity") or renewed is None:
        return Finding("leader", State.FAILED, "no operator holds the Lease", "Start one, or read its log.")
    silent = seen.server_time - renewed
    if silent > LEASE_SILENT:
        return Finding(
            "leader",
            State.FAILED,
            f"{spec['holderIdentity']} renewed the Lease {silent.total_seconds():.0f} s ago",
            "Look at its pod and its log: it cannot reach the API server, or it hangs.",
        )
    return Finding("leader", State.OK, spec["holderIdentity"])


def _rights(seen: Installation) -> Finding:
    if seen.account is False:
        # The answers about its rights would be those of bindings, which name it although it is not there.
        return Finding(
            "rights",
            State.FAILED,
            "the operator's service account does not exist, so no token of it is accepted",
            "Apply manifests/rbac.yaml, then kubectl rollout restart the operator's Deployment.",
        )
    if seen.not_asked:
        # A question for rights is created like an object, so what refuses it refuses what the operator writes.
        known = write_refusal(seen.not_asked)
        return Finding("rights", State.FAILED, seen.not_asked, known[1] if known else "")
    if seen.refused is None:
        return unreadable("rights", "subjectaccessreviews (create)")
    if seen.refused:
        return Finding(
            "rights",
            State.FAILED,
            f"the operator may not {'; '.join(seen.refused)}",
            "Apply manifests/rbac.yaml of its version, or upgrade the chart.",
        )
    return Finding("rights", State.OK, "those of its service account suffice")


def _misspelt_settings(seen: Installation) -> Iterator[Finding]:
    lines = dict.fromkeys(str(line.get("message", "")) for line in seen.log or ())
    for told in (each for each in lines if each.startswith("the setting ")):
        yield Finding(
            "settings", State.WARNING, told, "Correct the name where the operator gets its settings."
        )


def _bucket(seen: Installation) -> Finding:
    if seen.log is None:
        return unreadable("bucket", "pods/log of the operator")
    last: dict[str, str] = {}
    for line in seen.log:
        text = str(line.get("message", ""))
        if text.startswith(("the bucket", "the S3 server")):
            last["start"] = text
        # A bento that is missing in the store, for instance, says nothing about the bucket.
        if line.get("condition") == "BentoExported" and line.get("reason") in OF_THE_BUCKET:
            last["export"] = text if line.get("severity") == "warn" else ""
    if failed := last.get("export") or last.get("start", ""):
        warning = failed.startswith("the S3 server")
        return Finding(
            "bucket",
            State.WARNING if warning else State.FAILED,
            failed,
            "" if warning else f"Do what it says; the bucket and its keys: {INSTALL}, section 3.",
        )
    return Finding("bucket", State.OK, "the operator's log has no complaint about it")


def _metrics(seen: Installation) -> Finding:
    if seen.metrics is None:
        return unreadable("metrics server", "apiservices")
    if seen.metrics:
        return Finding("metrics server", State.OK, "metrics.k8s.io is available")
    return Finding(
        "metrics server",
        State.WARNING,
        "metrics.k8s.io is not available: models with autoscaling keep their fewest pods",
        "Install metrics-server.",
    )


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
