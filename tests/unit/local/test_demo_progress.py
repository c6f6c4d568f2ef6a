from __future__ import annotations

from typing import Any

import pytest

from e2i.local.demo_progress import current_conditions, is_ready, news, stalled


def a_condition(
    name: str, status: str = "False", reason: str = "Pending", generation: int = 2
) -> dict[str, Any]:
    return {
        "type": name,
        "status": status,
        "reason": reason,
        "message": f"about {name}",
        "observedGeneration": generation,
    }


def a_model(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "status": {"conditions": list(conditions)}}


def test_a_model_without_status_has_no_conditions() -> None:
    assert current_conditions({"metadata": {"generation": 1}}) == {}


def test_ready_of_the_spec_before_the_change_does_not_count() -> None:
    assert not is_ready(current_conditions(a_model(a_condition("Ready", "True", generation=1))))


def test_ready_of_the_spec_as_it_is_counts() -> None:
    assert is_ready(current_conditions(a_model(a_condition("Ready", "True"))))


def test_a_changed_reason_is_news() -> None:
    before = current_conditions(a_model(a_condition("BentoExported", reason="Pending")))
    after = current_conditions(a_model(a_condition("BentoExported", reason="Exporting")))
    assert [str(item) for item in news(before, after)] == [
        "BentoExported  False   Exporting: about BentoExported"
    ]


def test_a_condition_that_waits_for_others_is_no_news() -> None:
    after = current_conditions(a_model(a_condition("Verified", "Unknown", "Pending")))
    assert list(news({}, after)) == []


def test_what_two_conditions_say_is_said_once() -> None:
    building = [a_condition(name, reason="Building") for name in ("ImageBuilt", "Ready")]
    assert [item.type for item in news({}, current_conditions(a_model(*building)))] == ["ImageBuilt"]


def test_a_true_condition_needs_no_reason() -> None:
    told = current_conditions(a_model(a_condition("ImageBuilt", "True", "Built")))["ImageBuilt"]
    assert str(told) == "ImageBuilt     True    about ImageBuilt"


def test_progress_in_the_message_alone_is_no_news() -> None:
    before = current_conditions(a_model(a_condition("BentoExported")))
    after = current_conditions(a_model(a_condition("BentoExported") | {"message": "50 %"}))
    assert list(news(before, after)) == []


def test_a_true_condition_that_tells_of_another_release_is_news() -> None:
    before = current_conditions(a_model(a_condition("ReleaseServing", "True")))
    after = current_conditions(a_model(a_condition("ReleaseServing", "True") | {"message": "release b"}))
    assert [item.message for item in news(before, after)] == ["release b"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("churn:1.0.0 is not in the store. Build it.", "churn:1.0.0 is not in the store"),
        ("0 of 1 pods are ready; the last one starts", "0 of 1 pods are ready"),
        (f"is s3://e2i/{'ab' * 32}.tar", "is s3://e2i/abababab….tar"),
        ("word " * 50, "word " * 50),
    ],
)
def test_a_message_is_shown_to_the_end_of_its_first_sentence(message: str, shown: str) -> None:
    told = current_conditions(a_model(a_condition("Ready", "True") | {"message": message}))["Ready"]
    assert str(told) == f"Ready          True    {shown}"


def test_why_a_release_was_given_up_is_shown_whole() -> None:
    why = {"reason": "VerificationFailed", "message": "release b failed. It answered 4. Expected 5."}
    told = current_conditions(a_model(a_condition("RolledBack", "True") | why))["RolledBack"]
    assert str(told) == f"RolledBack     True    VerificationFailed: {why['message']}"


def test_conditions_are_told_in_the_order_in_which_they_turn_true() -> None:
    after = current_conditions(a_model(a_condition("Ready", "True"), a_condition("BentoExported", "True")))
    assert [item.type for item in news({}, after)] == ["BentoExported", "Ready"]


def test_a_model_that_only_a_person_can_help_is_stalled() -> None:
    found = stalled(current_conditions(a_model(a_condition("Stalled", "True", "BentoNotFound"))))
    assert found is not None
    assert found.reason == "BentoNotFound"


def test_a_model_under_way_is_not_stalled() -> None:
    assert stalled(current_conditions(a_model(a_condition("Reconciling", "True")))) is None
