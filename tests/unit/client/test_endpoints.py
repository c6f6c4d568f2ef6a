"""Models are found by name: in a file, in a mapping, or as E2IModels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2i.client import Endpoint, Endpoints, EndpointsInvalid, Identity, ModelNotFound, NotReady
from e2i.client.cluster import endpoint_of

RUNBOOK = """
models:
  churn_model: http://localhost:3001/churn_model/
  ltv_model:
    url: http://localhost:3002/ltv_model
    deadline: 5
    repeatable: [/predict, simulate]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model_endpoints.yaml"
    path.write_text(RUNBOOK)
    return path


def test_the_file_of_the_runbook_names_models_and_their_addresses(file: Path) -> None:
    endpoints = Endpoints.from_file(file)
    assert endpoints.names() == ["churn_model", "ltv_model"]
    assert str(endpoints.find("churn_model").base / "predict") == "http://localhost:3001/churn_model/predict"
    assert endpoints.find("ltv_model").deadline == 5.0
    assert endpoints.find("ltv_model").repeatable == {"predict", "simulate"}


def test_a_name_with_a_slip_is_answered_with_the_right_one(file: Path) -> None:
    with pytest.raises(ModelNotFound, match="There is no model 'churn_modl': did you mean 'churn_model'"):
        Endpoints.from_file(file).find("churn_modl")


def test_an_unknown_name_is_answered_with_those_that_are_known(file: Path) -> None:
    with pytest.raises(ModelNotFound, match="known are: churn_model, ltv_model"):
        Endpoints.from_file(file).find("xyz")


def test_of_many_names_a_few_are_told_and_the_others_counted() -> None:
    many = Endpoints.from_mapping({f"model_{number}": "http://a" for number in range(23)})
    with pytest.raises(ModelNotFound, match=r"model_6 and 3 more\.$"):
        many.find("xyz")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1", "is not YAML"),
        ("churn: http://a", "has no mapping `models`"),
        ("models: {churn: localhost:3001}", "url of model 'churn' is 'localhost:3001'"),
        ("models: {churn: 'http://a?b=1'}", "write it like http://localhost:3001/churn"),
        ("models: {churn: 3001}", "model 'churn': 3001 has no url"),
        ("models: {churn: {uri: http://a}}", "has no url"),
        ("models: {churn: {url: http://a, timeout: 3}}", "unknown field 'timeout': it may have deadline"),
        ("models: {churn: {url: http://a, deadline: -1}}", "deadline of model 'churn' is -1"),
        ("models: {churn: {url: http://a, repeatable: yes}}", "repeatable of model 'churn' is True"),
    ],
)
def test_a_wrong_file_is_refused_with_the_value_and_the_next_step(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "model_endpoints.yaml"
    path.write_text(text)
    with pytest.raises(EndpointsInvalid) as refused:
        Endpoints.from_file(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)


def test_models_come_change_and_go() -> None:
    endpoints = Endpoints()
    endpoints.put(Endpoint(model="churn", url="http://a"))
    endpoints.put(Endpoint(model="churn", url="http://b"))
    assert str(endpoints.find("churn").base) == "http://b"
    endpoints.drop("churn")
    endpoints.drop("churn")
    assert "churn" not in endpoints


def model(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "churn", "namespace": "shop"}, "status": status}


def entry(release: str, bento: str, digest: str, result: str) -> dict[str, Any]:
    return {"release": release, "bentoTag": bento, "digest": digest, "result": result}


SERVING = model(
    url="http://churn.shop.svc:3000",
    servingRelease="bbb",
    desiredRelease="bbb",
    artifact={"tag": "churn:2", "digest": "sha256:2"},
    history=[
        entry("bbb", "churn:2", "sha256:2", "Serving"),
        entry("ccc", "churn:3", "sha256:3", "Failed"),
        entry("aaa", "churn:1", "sha256:1", "Superseded"),
    ],
)


def test_an_e2imodel_is_found_at_its_stable_address_with_the_release_that_serves() -> None:
    endpoint = endpoint_of(SERVING)
    assert endpoint is not None
    assert endpoint.url == "http://churn.shop.svc:3000"
    assert endpoint.serving == Identity("bbb", "sha256:2", "churn:2")


@pytest.mark.parametrize(("bento", "release"), [("churn:1", "aaa"), ("churn:2", "bbb"), ("", "bbb")])
def test_the_bento_in_an_answer_tells_which_release_gave_it(bento: str, release: str) -> None:
    endpoint = endpoint_of(SERVING)
    assert endpoint is not None
    found = endpoint.of_bento(bento)
    assert found is not None
    assert found.release == release


def test_a_bento_that_no_release_has_is_of_none() -> None:
    endpoint = endpoint_of(SERVING)
    assert endpoint is not None
    assert endpoint.of_bento("of-somebody:else") is None


def test_a_canary_is_known_by_its_bento_before_it_serves_alone() -> None:
    status = SERVING["status"] | {
        "desiredRelease": "ddd",
        "artifact": {"tag": "churn:4", "digest": "sha256:4"},
    }
    endpoint = endpoint_of(model(**status))
    assert endpoint is not None
    assert endpoint.of_bento("churn:4") == Identity("ddd", "sha256:4", "churn:4")


def test_a_model_that_never_served_has_no_endpoint() -> None:
    assert endpoint_of(model()) is None


def test_a_model_that_never_served_is_not_taken_for_a_wrong_name() -> None:
    churn = Endpoint(model="churn", url="http://churn:3000")
    found = Endpoints([churn], {"churn-new": "models/churn-new serves nothing yet."})
    with pytest.raises(NotReady, match="churn-new serves nothing yet"):
        found.find("churn-new")
    assert found.names() == ["churn"]
    later = Endpoint(model="churn-new", url="http://churn-new:3000")
    found.put(later)
    assert found.find("churn-new") == later
    found.drop("churn-new")
    with pytest.raises(ModelNotFound, match="did you mean 'churn'"):
        found.find("churn-new")
