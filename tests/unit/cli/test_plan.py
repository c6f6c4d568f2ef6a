"""What `plan` says to people."""

from __future__ import annotations

from typing import Any

from support.model_bodies import (
    NEW,
    NEW_DIGEST,
    NEW_TAG,
    OLD,
    OLD_DIGEST,
    OLD_TAG,
    Body,
    a_request,
    a_workload,
    churn,
    failure,
)

from e2i.api.model_body import parse_model
from e2i.cli.plugin.forecast import as_document, forecast
from e2i.cli.plugin.plan import lines
from e2i.cli.plugin.server_dry_run import DryRun
from e2i.controller.core.releases.trials import trial_of

REQUESTS = (a_request(OLD_TAG, OLD_DIGEST), a_request(NEW_TAG, NEW_DIGEST))


def said(spec: dict[str, Any], live: Body | None = None, **status: Any) -> list[str]:
    """The lines above the diff, blanks made one."""
    before = live or churn(spec={"replicas": 2}, **status)
    after = churn(spec={"replicas": 2, **spec}, **status)
    result = DryRun(namespace="models", name="churn", live=before, after=after, requests=REQUESTS)
    found = forecast(before, after, REQUESTS, [a_workload(NEW)])
    shown = [" ".join(line.split()) for line in lines(result, found)]
    return shown[: shown.index("--- now")] if "--- now" in shown else shown


def test_nothing_is_one_line() -> None:
    assert said({}) == ["E2IModel models/churn: nothing"]


def test_a_release_is_told_from_its_bento_to_its_room() -> None:
    assert said({"bento": {"tag": OLD_TAG}}) == [
        "E2IModel models/churn: new release",
        f"release {NEW} -> {OLD}",
        f"bento {OLD_TAG}: its image is there, no export and no build",
        "pods 2 to start (BlueGreen)",
        "capacity 2 more pods requesting cpu 200m, memory 2Gi, until the earlier release is gone",
    ]


def test_a_canary_needs_at_most_a_second_set_and_in_place_one_pod() -> None:
    canary = {"rollout": {"strategy": "Canary", "steps": [{"setWeight": 10}]}}
    assert said({"bento": {"tag": OLD_TAG}, **canary})[-1].startswith("capacity at most 2 more pods")
    in_place = {"replicas": 2, "rollout": {"strategy": "InPlace"}}
    live = churn(spec=in_place)
    after = churn(spec={**in_place, "bento": {"tag": OLD_TAG}})
    made = forecast(live, after, REQUESTS)
    result = DryRun(namespace="models", name="churn", live=live, after=after, requests=REQUESTS)
    shown = [" ".join(line.split()) for line in lines(result, made)]
    assert "capacity 1 more pod requesting cpu 100m, memory 1Gi, while pods are replaced" in shown


def test_a_bento_that_was_never_exported_is_told_as_such() -> None:
    told = said({"bento": {"tag": "churn_model:9"}})
    assert f"release {NEW} -> new: its id follows from the bento's content" in told
    assert "bento churn_model:9: export and build needed" in told


def test_a_release_in_quarantine_starts_nothing() -> None:
    trial = trial_of(parse_model(churn(spec={"bento": {"tag": OLD_TAG}})), OLD)
    told = said({"bento": {"tag": OLD_TAG}}, failedReleases=[failure(OLD, OLD_TAG, OLD_DIGEST, trial=trial)])
    assert told[3:] == [
        "quarantine not tried: it failed with VerificationFailed at 2026-11-21T12:00:00Z",
        "capacity nothing beyond what runs now",
    ]


def test_scaling_tells_both_sizes() -> None:
    assert said({"replicas": 5}) == [
        "E2IModel models/churn: scaling",
        "size 2 -> 5 pods",
        "capacity 3 more pods requesting cpu 300m, memory 3Gi",
    ]


def test_the_diff_is_of_what_people_write() -> None:
    before, after = churn(), churn(spec={"replicas": 2})
    result = DryRun(namespace="models", name="churn", live=before, after=after, requests=REQUESTS)
    shown = list(lines(result, forecast(before, after, REQUESTS)))
    assert "  +  replicas: 2" in shown
    assert not [line for line in shown if "status" in line or "resourceVersion" in line]


def test_a_refusal_is_told_in_its_own_words() -> None:
    result = DryRun(namespace="models", name="churn", refusal="spec.bento.tag: no")
    assert list(lines(result, None)) == ["E2IModel models/churn: refused", "  spec.bento.tag: no"]


def test_the_document_has_every_field_of_the_reference_page() -> None:
    found = as_document(forecast(None, churn(), ()))
    assert list(found) == [
        "change",
        "release",
        "releaseBefore",
        "image",
        "strategy",
        "pods",
        "podsBefore",
        "started",
        "extra",
        "quarantine",
        "notes",
    ]
