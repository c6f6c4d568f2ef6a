"""What may go on to the next environment, and what is refused with which sentence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2i.promotion.errors import PromotionRefused, Reason
from e2i.promotion.evidence import Evidence, commit_message, evidence_of, hours

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
CHECKS = [{"name": "a contented customer stays", "path": "/predict", "body": "{}"}]
TAG = "churn_model:1.1.0"


def model(*, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """A model that has served release churn-1 for a day."""
    return {
        "metadata": {"name": "churn", "namespace": "models", "generation": 4},
        "spec": {
            "type": "Classification",
            "bento": {"tag": TAG},
            "replicas": 3,
            "rollout": {
                "verify": CHECKS,
                "contract": {"labels": ["leaves", "stays"]},
                "watch": {"seconds": 120},
            },
            **(spec or {}),
        },
        "status": {
            "observedGeneration": 4,
            "desiredRelease": "churn-1",
            "servingRelease": "churn-1",
            "artifact": {"tag": TAG, "digest": DIGEST, "uri": "s3://bucket/key"},
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "Ready", "message": "1 of 1 pods are ready."},
                {
                    "type": "Verified",
                    "status": "True",
                    "reason": "Verified",
                    "message": "1 of 1 checks passed.",
                },
            ],
            "history": [serving("2026-11-29T12:00:00Z")],
            **status,
        },
    }


def serving(since: str) -> dict[str, Any]:
    return {
        "release": "churn-1",
        "bentoTag": TAG,
        "digest": DIGEST,
        "result": "Serving",
        "startedAt": since,
        "servedAt": since,
    }


def failed(at: str, result: str = "RolledBack", digest: str = DIGEST) -> dict[str, Any]:
    return {
        "release": "churn-1",
        "digest": digest,
        "result": result,
        "reason": "WatchFailed",
        "message": "12 of 100 requests failed.",
        "startedAt": at,
        "endedAt": at,
    }


def judged(found: dict[str, Any], folder: dict[str, Any] | None = None, hours_asked: float = 0) -> Evidence:
    asked = {"bento": {"tag": TAG}} if folder is None else folder
    return evidence_of(found, asked, timedelta(hours=hours_asked), NOW)


def test_what_serves_is_promoted_by_its_digest_with_the_checks_that_it_passed() -> None:
    evidence = judged(model(), hours_asked=24)
    assert evidence.bento == {"tag": TAG, "archive": {"digest": DIGEST}}
    assert evidence.checks == {"verify": CHECKS, "contract": {"labels": ["leaves", "stays"]}}
    assert (evidence.served, evidence.verified) == (timedelta(days=1), "1 of 1 checks passed.")


def test_an_image_is_promoted_by_the_digest_that_its_tag_had() -> None:
    image = "registry.example.com/churn"
    found = model(spec={"bento": {"image": f"{image}:1.1.0", "pathPrefix": "/churn"}})
    found["status"]["artifact"] = {"digest": DIGEST, "uri": f"docker://{image}@{DIGEST}"}
    evidence = judged(found, {"bento": {"image": f"{image}:1.1.0"}})
    assert evidence.bento == {"image": f"{image}@{DIGEST}", "pathPrefix": "/churn"}


CANARY = {"release": "churn-2", "step": 0, "weight": 10}
NOT_READY = [
    {"type": "Ready", "status": "False", "reason": "PodCrashed", "message": "Pod churn-1-x crashed."}
]
REFUSED = [
    pytest.param(
        model(observedGeneration=3), None, 0, Reason.NotSynced, "not looked at the last change", id="an edit"
    ),
    pytest.param(
        model(),
        {"bento": {"tag": "churn_model:1.2.0"}},
        0,
        Reason.NotSynced,
        "asks for bento.tag churn_model:1.2.0, the cluster has churn_model:1.1.0",
        id="a folder that is not applied yet",
    ),
    pytest.param(
        model(),
        {"bento": {"archive": {"digest": DIGEST}}},
        0,
        Reason.NotSynced,
        f"archive {DIGEST}, the cluster has none",
        id="a folder with a digest",
    ),
    pytest.param(
        model(desiredRelease="churn-2"),
        None,
        0,
        Reason.NotServing,
        "does not serve",
        id="another release serves",
    ),
    pytest.param(
        model(conditions=NOT_READY),
        None,
        0,
        Reason.NotServing,
        "Pod churn-1-x crashed.",
        id="pods that crash",
    ),
    pytest.param(model(servingRelease=""), None, 0, Reason.NotServing, "does not serve", id="nothing serves"),
    pytest.param(model(rollout=CANARY), None, 0, Reason.NotServing, "a canary with 10 %", id="a canary"),
    pytest.param(model(history=[]), None, 0, Reason.NotServing, "since when", id="a status without history"),
    pytest.param(
        model(), None, 25, Reason.ServedTooShort, "for 1 d, and --min-served asks for 1 d 1 h", id="too short"
    ),
    pytest.param(
        model(history=[serving("2026-11-29T12:00:00Z"), failed("2026-11-29T13:00:00Z")]),
        None,
        0,
        Reason.ReleaseFailed,
        "12 of 100 requests failed.",
        id="a failure after it served",
    ),
]


@pytest.mark.parametrize(("found", "folder", "hours_asked", "reason", "words"), REFUSED)
def test_refused(
    found: dict[str, Any], folder: dict[str, Any] | None, hours_asked: float, reason: Reason, words: str
) -> None:
    with pytest.raises(PromotionRefused) as refused:
        judged(found, folder, hours_asked)
    print(refused.value.message)  # noqa: T201 - shown by `pytest -rP`, to be read as users would
    assert refused.value.reason is reason
    assert words in refused.value.message


def test_a_model_that_no_operator_has_seen_is_refused() -> None:
    with pytest.raises(PromotionRefused, match="not looked at"):
        judged({**model(), "status": {}})


def test_a_failure_before_the_success_is_told_and_not_held_against_it() -> None:
    other = failed("2026-11-29T13:00:00Z", digest="sha256:" + "b" * 64)
    found = model(history=[serving("2026-11-29T12:00:00Z"), failed("2026-11-28T12:00:00Z", "Failed"), other])
    message = commit_message("churn", "staging", "production", judged(found))
    assert "Earlier failure: 2026-11-28T12:00:00Z Failed WatchFailed: 12 of 100 requests failed." in message
    assert message.count("Earlier failure") == 1


def test_the_commit_says_what_speaks_for_the_release() -> None:
    assert commit_message("churn", "staging", "production", judged(model())) == (
        f"Promote churn from staging to production: {TAG}\n\n"
        f"Digest: {DIGEST}\n"
        "Served in staging: release churn-1, since 2026-11-29 12:00:00 UTC (1 d)\n"
        "Verified: 1 of 1 checks passed.\n"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (12, "12 s"),
        (310, "5 min 10 s"),
        (7200, "2 h"),
        (86400 * 2 + 3700, "2 d 1 h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert hours(timedelta(seconds=seconds)) == text
