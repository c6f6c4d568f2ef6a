"""What the image builder reads from a request and from a Job."""

from __future__ import annotations

from typing import Any

import pytest

from e2i.local.yatai import builds


def a_request(**changes: Any) -> dict[str, Any]:
    spec = {"bentoTag": "fraud:v1", "downloadUrl": "s3://b/fraud.tar"} | changes
    return {"metadata": {"name": "fraud-v1", "namespace": "models", "uid": "u1"}, "spec": spec}


def a_job(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "j"}, "spec": {"completions": 1}, "status": status}


@pytest.mark.parametrize(
    ("spec", "image"),
    [
        ({}, "registry.e2i.local/yatai-bentos:yatai.fraud.v1"),
        ({"image": "r/other:1"}, "r/other:1"),
        ({"image": ""}, "registry.e2i.local/yatai-bentos:yatai.fraud.v1"),
    ],
)
def test_the_image_is_named_after_the_tag_unless_it_is_given(spec: dict[str, Any], image: str) -> None:
    assert builds.image_name(a_request(**spec)) == image


def test_the_image_carries_the_namespace_that_the_annotation_names() -> None:
    request = a_request(bentoTag="fraud:v1")
    request["metadata"]["annotations"] = {"yatai.ai/bento-storage-namepsace": "models"}
    assert builds.image_name(request) == "registry.e2i.local/yatai-bentos:yatai.models.fraud.v1"
    request["spec"]["bentoTag"] = f"{'n' * 63}:{'v' * 63}"
    assert builds.image_name(request).startswith("registry.e2i.local/yatai-bentos:yatai.models.")


def test_a_tag_too_long_for_a_registry_is_hashed() -> None:
    name = builds.image_name(a_request(bentoTag=f"{'n' * 63}:{'v' * 63}"))
    assert len(name.rpartition(":")[2]) == len("yatai.") + 32


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "waiting"),
        ({"active": 1}, "running"),
        ({"active": 1, "failed": 2}, "running"),
        ({"failed": 1, "conditions": [{"type": "FailureTarget", "status": "True"}]}, "waiting"),
        ({"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]}, "failed"),
        ({"succeeded": 1}, "succeeded"),
    ],
)
def test_a_job_has_failed_only_when_kubernetes_says_so(status: dict[str, Any], state: str) -> None:
    assert builds.state_of(a_job(**status)) == state


def test_the_hash_is_over_spec_labels_and_annotations() -> None:
    first = builds.request_hash(a_request())
    labelled, annotated, renamed = a_request(), a_request(), a_request()
    labelled["metadata"]["labels"] = {"a": "1"}
    annotated["metadata"]["annotations"] = {"a": "1"}
    renamed["metadata"]["resourceVersion"] = "7"
    assert len({first, builds.request_hash(labelled), builds.request_hash(annotated)}) == 3
    assert builds.request_hash(a_request(bentoTag="fraud:v2")) != first
    assert builds.request_hash(renamed) == first


@pytest.mark.parametrize("text", ["$(SECRET)", "$$(SECRET)", "a$b"])
def test_an_argument_survives_the_expansion_of_variables(text: str) -> None:
    # Kubernetes turns `$$` into `$` and leaves what follows alone.
    assert builds.literal(text).replace("$$", "$") == text
    assert "$(" not in builds.literal(text).replace("$$", "")


def test_the_bento_says_what_the_request_said_of_its_runners() -> None:
    runners = [{"name": "clf", "runnableType": "Sklearn", "modelTags": ["clf:abc"]}]
    assert builds.bento(a_request(runners=runners))["spec"]["runners"] == runners
    assert "runners" not in builds.bento(a_request())["spec"]
