"""What the status of an E2IModel means for the loop, and how registered models are named."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.pipeline.model_uri import ModelUri, parse_model_uri
from e2i.pipeline.standing import serving_tag, standing

TAG = "rain_model:2.0.0"


def model(
    *conditions: tuple[str, str, str], generation: int = 2, seen: int = 2, tag: str = TAG
) -> dict[str, Any]:
    listed = [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": f"{reason}!",
            "observedGeneration": seen,
        }
        for kind, status, reason in conditions
    ]
    return {
        "metadata": {"generation": generation},
        "spec": {"bento": {"tag": tag}},
        "status": {
            "conditions": listed,
            "servingRelease": "abc",
            "history": [
                {"release": "def", "bentoTag": "rain_model:2.0.0", "result": "Failed"},
                {"release": "abc", "bentoTag": "rain_model:1.0.0", "result": "Serving"},
            ],
        },
    }


@pytest.mark.parametrize(
    ("found", "state", "reason"),
    [
        pytest.param(model(("Ready", "True", "Ready")), "serves", "Ready", id="ready"),
        pytest.param(model(("Ready", "False", "Building")), "waits", "Building", id="under way"),
        pytest.param(
            model(("Ready", "True", "Ready"), seen=1), "waits", "Unseen", id="ready with the spec before"
        ),
        pytest.param(
            model(("Ready", "False", "CrashLoop"), ("Stalled", "True", "CrashLoop")),
            "refused",
            "CrashLoop",
            id="stalled",
        ),
        pytest.param(
            model(("Stalled", "True", "Quarantined"), ("RolledBack", "True", "VerificationFailed")),
            "refused",
            "VerificationFailed",
            id="given up, and why",
        ),
        pytest.param(
            model(("Ready", "True", "Ready"), tag="rain_model:3.0.0"),
            "refused",
            "Replaced",
            id="another was asked for",
        ),
    ],
)
def test_how_far_a_release_has_come(found: dict[str, Any], state: str, reason: str) -> None:
    told = standing(found, TAG)
    assert (told.state, told.reason) == (state, reason)


def test_what_serves_is_the_release_that_has_the_address() -> None:
    assert serving_tag(model()) == "rain_model:1.0.0"


def test_nothing_serves_before_the_first_release() -> None:
    assert serving_tag({"spec": {}, "status": {}}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models:/churn_model/3", ModelUri("churn_model", version="3")),
        ("mlflow://models/churn_model/12", ModelUri("churn_model", version="12")),
        ("models:/churn_model@serving", ModelUri("churn_model", alias="serving")),
        ("./trained", None),
        ("churn_model:1.0.0", None),
    ],
)
def test_names_of_registered_models(text: str, expected: ModelUri | None) -> None:
    assert parse_model_uri(text) == expected


@pytest.mark.parametrize(
    "text", ["models:/churn_model", "models:/churn_model/latest", "models:/a/b/1", "models:/a/0"]
)
def test_a_name_that_is_not_exact_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="write models:/NAME/3, models:/NAME@serving"):
        parse_model_uri(text)
