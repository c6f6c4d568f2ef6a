"""The operator's picture of the cluster: younger news counts, deletion is of one object, lists correct it."""

from __future__ import annotations

from typing import Any

import pytest
from support.bodies import a_body, a_child_body

from e2i.api import naming
from e2i.controller.core.children import Service
from e2i.controller.edge.cache import Cache
from e2i.kube.versions import later

KEY = ("models", "churn")


def a_service_body(**changes: Any) -> dict[str, Any]:
    return a_child_body("Service", **({"name": "churn", "uid": "uid-service"} | changes))


def a_view(*children: dict[str, Any]) -> Cache:
    view = Cache()
    view.put(naming.KIND, a_body())
    for child in children:
        view.put(child["kind"], child)
    return view


def model_of(view: Cache) -> Any:
    model = view.model(KEY)
    assert model
    return model


def test_a_new_model_concerns_itself() -> None:
    view = Cache()
    assert view.put(naming.KIND, a_body()) == KEY
    assert [model.key for model in view.models()] == [KEY]


def test_the_same_or_older_news_is_no_news() -> None:
    view = Cache()
    assert view.put(naming.KIND, a_body(version=5)) == KEY
    assert view.put(naming.KIND, a_body(version=5, spec={"replicas": 2})) is None
    assert view.put(naming.KIND, a_body(version=4, spec={"replicas": 2})) is None
    assert model_of(view).autoscaling.maximum == 1


def test_versions_are_numbers() -> None:
    view = a_view()
    assert view.put(naming.KIND, a_body(version=10, spec={"replicas": 2})) == KEY
    assert view.put(naming.KIND, a_body(version=9, spec={"replicas": 3})) is None


def test_a_newer_version_that_says_the_same_is_no_news() -> None:
    view = a_view(a_service_body())
    assert view.put(naming.KIND, a_body(version=5, annotations={"somebody's": "note"})) is None
    assert view.put("Service", a_service_body(version=5)) is None
    assert view.put("Service", a_service_body(version=4, spec={"selector": {"a": "b"}})) is None
    assert view.remove("Service", KEY, "uid-service") == KEY
    assert view.of_models.service(model_of(view)) is None


def test_a_child_concerns_its_model() -> None:
    view = a_view()
    assert view.put("Service", a_service_body()) == KEY
    assert isinstance(view.of_models.service(model_of(view)), Service)


def test_a_child_of_a_deleted_namesake_is_not_the_model_s() -> None:
    view = a_view(a_service_body(owner="uid-before"))
    assert view.of_models.service(model_of(view)) is None
    assert view.child("Service", *KEY)


def test_a_stranger_s_object_concerns_the_model_whose_name_it_takes() -> None:
    view = a_view()
    stranger = a_service_body(model=None, owner=None)
    assert view.put("Service", stranger) == KEY
    assert view.put("Service", a_service_body(name="other", uid="uid-other", model=None, owner=None)) is None
    assert view.remove("Service", KEY, "uid-service") == KEY


def test_a_child_that_lost_its_label_concerns_the_model_that_it_had() -> None:
    """Otherwise nobody would put the label back until the model changes."""
    view = a_view(a_child_body("BentoDeployment", name="churn-1", labels={naming.RELEASE_LABEL: "1"}))
    assert (
        view.put("BentoDeployment", a_child_body("BentoDeployment", name="churn-1", model=None, version=2))
        == KEY
    )
    assert view.of_models.deployments(model_of(view)) == ()


def test_what_is_gone_is_forgotten() -> None:
    view = a_view(a_service_body())
    assert view.remove("Service", KEY, "uid-service") == KEY
    assert view.of_models.service(model_of(view)) is None
    assert view.remove("Service", KEY, "uid-service") is None
    assert view.remove(naming.KIND, KEY, "uid-model") == KEY
    assert view.model(KEY) is None


def test_news_that_a_namesake_before_it_is_gone_changes_nothing() -> None:
    view = a_view()
    view.put(naming.KIND, a_body(uid="uid-second", version=9))
    assert view.remove(naming.KIND, KEY, "uid-model") is None
    assert model_of(view).uid == "uid-second"


def test_a_list_corrects_what_the_watch_missed() -> None:
    view = a_view(a_service_body())
    other = a_child_body("Service", name="other", uid="uid-other", model="other", version=3)
    assert view.replace("Service", [view.see("Service", other)], "10") == {KEY, ("models", "other")}
    assert view.of_models.service(model_of(view)) is None


def test_a_list_does_not_forget_what_is_younger_than_it() -> None:
    view = a_view(a_service_body(version=11))
    assert view.replace("Service", [], "10") == set()
    assert view.of_models.service(model_of(view))


def test_a_list_that_says_what_is_known_wakes_nobody() -> None:
    view = a_view(a_service_body())
    assert view.replace("Service", [view.see("Service", a_service_body())], "10") == set()


def test_a_list_has_the_last_word_about_what_was_seen_before_it() -> None:
    view = a_view(a_service_body(version=9, spec={"selector": {"a": "new"}}))
    restored = a_service_body(version=8, spec={"selector": {"a": "old"}})
    assert view.replace("Service", [view.see("Service", restored)], "10") == {KEY}
    service = view.of_models.service(model_of(view))
    assert service
    assert service.selector == {"a": "old"}


def test_a_list_does_not_undo_what_was_written_after_it_was_read() -> None:
    view = a_view(a_service_body(version=11, spec={"selector": {"a": "new"}}))
    assert view.replace("Service", [view.see("Service", a_service_body(version=8))], "10") == set()


def test_a_list_of_another_history_replaces_everything() -> None:
    view = a_view(a_service_body(version=500), a_service_body(name="lost", uid="uid-lost", version=501))
    restored = a_service_body(version=500, spec={"selector": {"a": "old"}})
    assert view.replace("Service", [view.see("Service", restored)], "400", began_again=True) == {KEY}
    service = view.of_models.service(model_of(view))
    assert service
    assert service.selector == {"a": "old"}
    assert view.child("Service", "models", "lost") is None


@pytest.mark.parametrize(
    ("first", "second", "latest"),
    [("9", "10", "10"), ("10", "9", "10"), ("", "9", "9"), ("9", "a", "a"), ("b", "a", "a")],
)
def test_the_later_version(first: str, second: str, latest: str) -> None:
    assert later(first, second) == latest


def test_a_child_that_changes_its_model_leaves_the_first() -> None:
    view = a_view(a_service_body())
    view.put("Service", a_service_body(model="other", version=2))
    assert view.of_models.service(model_of(view)) is None


def test_workloads_are_found_by_label_whoever_owns_them() -> None:
    view = a_view(a_child_body("Deployment", name="churn-1", owner="uid-of-a-bento-deployment"))
    assert [workload.owner for workload in view.of_models.workloads(model_of(view))] == [
        "uid-of-a-bento-deployment"
    ]
