"""Who has a name that the model needs: said with the way out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.bodies import a_child_body
from support.builders import a_model

from e2i.controller.core import parse
from e2i.controller.core.children import Child
from e2i.controller.core.releases.taken_names import holder, is_leftover

OWNED = parse.parse_child("Service", a_child_body("Service", name="churn", owner="uid-other"))
FREE = parse.parse_child("Service", a_child_body("Service", name="churn", owner=None, model=None))


@pytest.mark.parametrize(
    ("child", "sentence"),
    [
        pytest.param(
            FREE,
            "Service churn in models has no owner and is not changed: if nobody needs it, kubectl delete service churn "
            "-n models makes room; or give this model another name",
            id="nobody's",
        ),
        pytest.param(
            replace(FREE, model="churn"),
            "Service churn in models was left by an earlier model churn (kubectl delete --cascade=orphan) and is not "
            "as the operator makes it, so it is not taken over: if nobody changed it on purpose, kubectl delete "
            "service churn -n models lets the operator make it again",
            id="one that a model left and somebody changed",
        ),
        pytest.param(
            replace(FREE, owner="uid-web", owner_name="Deployment web"),
            "Service churn in models belongs to Deployment web and is not changed: give this model another name",
            id="somebody's",
        ),
        pytest.param(
            replace(FREE, owner="uid-iris", owner_name="E2IModel iris"),
            "Service churn in models belongs to the model iris and is not changed: give this model another name",
            id="another model's",
        ),
        pytest.param(
            replace(OWNED, finalizers=("example.com/hold",)),
            "Service churn in models is being deleted, and waits for the finalizers example.com/hold of others",
            id="one that is held",
        ),
    ],
)
def test_the_message_says_who_has_the_name(child: Child, sentence: str) -> None:
    assert holder("Service", child) == sentence


def test_a_child_of_a_deleted_model_is_a_leftover_and_that_of_a_living_one_is_not() -> None:
    assert is_leftover(a_model(), OWNED, living={"uid-model"})
    assert not is_leftover(a_model(), OWNED, living={"uid-model", "uid-other"})
    assert not is_leftover(a_model(), FREE, living={"uid-model"})


def test_the_finalizers_of_an_object_that_stays_do_not_matter() -> None:
    body = a_child_body("Service", name="churn", owner="uid-other")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    assert parse.parse_child("Service", body).finalizers == ()
    body["metadata"]["deletionTimestamp"] = "2026-11-21T12:00:00Z"
    child = parse.parse_child("Service", body)
    assert (child.finalizers, child.owner_name) == (("example.com/hold",), "E2IModel churn")
