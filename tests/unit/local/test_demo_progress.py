from __future__ import annotations

from typing import Any

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


def test_progress_in_the_message_alone_is_no_news() -> None:
    before = current_conditions(a_model(a_condition("BentoExported")))
    after = current_conditions(a_model(a_condition("BentoExported") | {"message": "50 %"}))
    assert list(news(before, after)) == []


def test_a_true_condition_that_tells_of_another_release_is_news() -> None:
    before = current_conditions(a_model(a_condition("ReleaseServing", "True")))
    after = current_conditions(a_model(a_condition("ReleaseServing", "True") | {"message": "release b"}))
    assert [item.message for item in news(before, after)] == ["release b"]


def test_a_long_message_is_cut() -> None:
    told = current_conditions(a_model(a_condition("Ready") | {"message": "x" * 200}))["Ready"]
    assert str(told).endswith("x...")
    assert len(str(told)) < 160


def test_conditions_are_told_in_the_order_in_which_they_turn_true() -> None:
    after = current_conditions(a_model(a_condition("Ready"), a_condition("BentoExported")))
    assert [item.type for item in news({}, after)] == ["BentoExported", "Ready"]


def test_a_model_that_only_a_person_can_help_is_stalled() -> None:
    found = stalled(current_conditions(a_model(a_condition("Stalled", "True", "BentoNotFound"))))
    assert found is not None
    assert found.reason == "BentoNotFound"


def test_a_model_under_way_is_not_stalled() -> None:
    assert stalled(current_conditions(a_model(a_condition("Reconciling", "True")))) is None
