"""Decides from a model's manifest and its object in the cluster whether its release may be promoted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from e2i.api.conditions import READY, VERIFIED, parse_timestamp
from e2i.promotion.errors import PromotionRefused, Reason

FAILURES = ("Failed", "RolledBack")
"""Results in a model's history that speak against a release."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A release that serves in the source, and what makes it fit for the next environment."""

    release: str
    bento: Mapping[str, Any]
    """spec.bento of the next environment: the same content, named by its digest."""
    checks: Mapping[str, Any]
    """The parts `verify` and `contract` of spec.rollout that it passed; without those that it has not."""
    type: str
    digest: str
    tag: str
    served_at: datetime
    served: timedelta
    verified: str
    """The message of the condition Verified; empty without checks."""
    earlier_failures: tuple[str, ...]
    """Failures of the same content before it served as it does now, each as one sentence."""


def evidence_of(
    model: Mapping[str, Any], folder_spec: Mapping[str, Any], min_served: timedelta, now: datetime
) -> Evidence:
    """Return the evidence for the release that `folder_spec` asks for; PromotionRefused if it may not go on.

    `model` is the E2IModel as the API server has it, `folder_spec` the spec, or a part of it, in the source's folder.
    """
    status, spec = model.get("status", {}), model["spec"]
    _check_synced(model, folder_spec)
    serving = _serving_entry(status, model)
    # What serves is what the spec asks for, so it is of the artifact.
    digest = status["artifact"]["digest"]
    failures = [
        entry
        for entry in status.get("history", ())
        if entry.get("digest") == digest and entry["result"] in FAILURES
    ]
    served_at = parse_timestamp(serving["servedAt"])
    _check_not_failed(failures, served_at, serving)
    served = now - served_at
    if served < min_served:
        raise PromotionRefused(
            Reason.ServedTooShort,
            f"Release {serving['release']} has served for {hours(served)}, and --min-served asks for "
            f"{hours(min_served)}. Try again in {hours(min_served - served)}.",
        )
    rollout = spec.get("rollout", {})
    return Evidence(
        release=serving["release"],
        bento=_by_digest(spec["bento"], status["artifact"], digest),
        checks={key: rollout[key] for key in ("verify", "contract") if key in rollout},
        type=spec["type"],
        digest=digest,
        tag=serving.get("bentoTag", ""),
        served_at=served_at,
        served=served,
        verified=_message(status, VERIFIED) if rollout.get("verify") else "",
        earlier_failures=tuple(_sentence(entry) for entry in failures),
    )


def commit_message(name: str, source: str, target: str, evidence: Evidence) -> str:
    """Return the message of the commit: what is promoted, and the evidence that it may be."""
    lines = [
        f"Promote {name} from {source} to {target}: {evidence.tag or evidence.digest}",
        "",
        f"Digest: {evidence.digest}",
        f"Served in {source}: release {evidence.release}, since {evidence.served_at:%Y-%m-%d %H:%M:%S} UTC "
        f"({hours(evidence.served)})",
        f"Verified: {evidence.verified or 'no golden predictions'}",
        *(f"Earlier failure: {failure}" for failure in evidence.earlier_failures),
    ]
    return "\n".join(lines) + "\n"


def hours(span: timedelta) -> str:
    """Return the span in its two largest units: 1 d 2 h, 3 h 20 min, 5 min 10 s, 12 s."""
    seconds = max(0, int(span.total_seconds()))
    parts: list[tuple[int, str]] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if (seconds >= size or parts) and len(parts) < 2:
            parts.append((seconds // size, unit))
            seconds %= size
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def _check_synced(model: Mapping[str, Any], folder_spec: Mapping[str, Any]) -> None:
    asked, has = folder_spec.get("bento", {}), model["spec"]["bento"]
    for field in ("tag", "image", "archive"):
        if field in asked and asked[field] != has.get(field):
            raise PromotionRefused(
                Reason.NotSynced,
                f"The folder asks for bento.{field} {_shown(asked[field])}, the cluster has {_shown(has.get(field))}. "
                "Wait until the folder is applied, or name its cluster with --context.",
            )
    if model.get("status", {}).get("observedGeneration") != model["metadata"]["generation"]:
        raise PromotionRefused(
            Reason.NotSynced,
            "The operator has not looked at the last change of the model yet. Try again in a moment; if it stays so, "
            "look at the operator: kubectl get pods --all-namespaces -l app.kubernetes.io/name=e2i-operator",
        )


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return str(value["digest"]) if isinstance(value, Mapping) else str(value)


def _serving_entry(status: Mapping[str, Any], model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the history's entry of the release that serves."""
    desired, serving = status.get("desiredRelease"), status.get("servingRelease")
    name = model["metadata"]["name"]
    if rollout := status.get("rollout"):
        raise PromotionRefused(
            Reason.NotServing,
            f"Release {rollout['release']} is a canary with {rollout.get('weight', 0)} % of the requests. Wait until "
            f"it has them all: kubectl e2i status {name} --watch",
        )
    ready = _condition(status, READY)
    if not serving or serving != desired or ready.get("status") != "True":
        raise PromotionRefused(
            Reason.NotServing,
            f"{name} does not serve what its spec asks for: {ready.get('reason', 'no status yet')}: "
            f"{ready.get('message', 'the operator has not looked at it')}",
        )
    for entry in status.get("history", ()):
        if entry["release"] == serving and entry["result"] == "Serving" and entry.get("servedAt"):
            return entry  # type: ignore[no-any-return]
    raise PromotionRefused(
        Reason.NotServing,
        f"The status of {name} does not say since when release {serving} serves. Look at: kubectl e2i history {name}",
    )


def _check_not_failed(
    failures: list[Mapping[str, Any]], served_at: datetime, serving: Mapping[str, Any]
) -> None:
    for entry in failures:
        if parse_timestamp(entry["endedAt"]) >= served_at:
            raise PromotionRefused(
                Reason.ReleaseFailed,
                f"Release {serving['release']} serves, but the same bento failed after it took the requests: "
                f"{_sentence(entry)}",
            )


def _by_digest(bento: Mapping[str, Any], artifact: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """Return spec.bento with the content that served: by the archive's digest, or by that of the image."""
    kept = {key: value for key, value in bento.items() if key not in ("store", "archive", "image")}
    if "image" in bento:
        return {**kept, "image": artifact["uri"].removeprefix("docker://")}
    return {**kept, "archive": {"digest": digest}}


def _sentence(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('endedAt', '')} {entry['result']} {entry.get('reason', '')}: {entry.get('message', '')}".strip()


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((each for each in status.get("conditions", ()) if each["type"] == kind), {})


def _message(status: Mapping[str, Any], kind: str) -> str:
    return str(_condition(status, kind).get("message", ""))
