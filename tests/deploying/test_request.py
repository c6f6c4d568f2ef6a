"""Model URIs, requests and environments files, and their mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from e2i.api.tags import Tag
from e2i.deploying.environments import read_environments
from e2i.deploying.errors import InvalidRequest
from e2i.deploying.request import parse_request
from e2i.deploying.sources import Folder, Stored, parse_source
from e2i.registry.uri import ModelUri

SEED = {
    "experiment_id": "exp-123",
    "model_uri": "mlflow://models/churn_model/1",
    "target_environment": "staging",
    "resources": {"cpu": "2", "memory": "4Gi"},
}


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("mlflow://models/churn_model/1", ModelUri("churn_model", version="1")),
        ("mlflow://models/churn_model@champion", ModelUri("churn_model", alias="champion")),
        ("models:/churn_model/12", ModelUri("churn_model", version="12")),
        ("models:/churn_model@champion", ModelUri("churn_model", alias="champion")),
        ("bentoml://churn_model:1.4.2", Stored(Tag("churn_model", "1.4.2"))),
        ("churn_model:1.4.2", Stored(Tag("churn_model", "1.4.2"))),
        ("./trained", Folder(Path("trained"))),
        ("~/trained", Folder(Path("~/trained"))),
        ("file:///tmp/trained", Folder(Path("/tmp/trained"))),
    ],
)
def test_a_model_is_named_in_many_forms(uri: str, source: object) -> None:
    assert parse_source(uri) == source


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("models:/churn_model/latest", "models:/NAME@serving"),
        ("models:/churn_model", "models:/NAME"),
        ("bentoml://churn_model:latest", "exact version"),
        ("churn_model", "name:version"),
        ("s3://bucket/model", "mlflow://models/NAME/VERSION"),
        ("", "name:version"),
    ],
)
def test_what_would_mean_another_model_tomorrow_or_none_is_refused_with_the_right_form(
    uri: str, hint: str
) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_source(uri)


def test_the_request_of_the_runbook_is_understood() -> None:
    request = parse_request(SEED, ["staging"])
    assert (request.experiment_id, request.resources.cpu, request.resources.memory) == ("exp-123", "2", "4Gi")


def test_amounts_may_be_numbers() -> None:
    assert parse_request({**SEED, "resources": {"cpu": 2}}, ["staging"]).resources.cpu == "2"


def test_every_mistake_is_reported_at_once_with_its_place_and_value() -> None:
    raw: dict[str, Any] = {
        "experiment_id": "exp 123",
        "model_uri": "churn_model:latest",
        "target_environment": "stagin",
        "resources": {"cpu": "2x", "memory": "-1Gi", "disk": "1Gi"},
        "replicas": 3,
        "type": "Ranking",
        "name": "Churn",
    }
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw, ["staging", "local"])
    assert {mistake.place: mistake.value for mistake in caught.value.mistakes} == {
        "experiment_id": "exp 123",
        "model_uri": "churn_model:latest",
        "target_environment": "stagin",
        "resources.cpu": "2x",
        "resources.memory": "-1Gi",
        "resources.disk": "1Gi",
        "replicas": 3,
        "type": "Ranking",
        "name": "Churn",
    }
    assert "write one of local, staging" in caught.value.message


def test_what_is_missing_is_reported_by_its_name() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({}, ["staging"])
    assert [mistake.place for mistake in caught.value.mistakes] == [
        "experiment_id",
        "model_uri",
        "target_environment",
    ]


def test_the_built_in_environments_are_those_of_the_runbook() -> None:
    known = read_environments(environment={})
    assert list(known) == ["local", "staging", "production"]
    assert known["production"].replicas == 2


def test_a_file_of_environments_takes_the_place_of_the_built_in_ones(tmp_path: Path) -> None:
    file = tmp_path / "environments.yaml"
    file.write_text("edge: {context: edge-1, namespace: edge, bucket: {name: bentos}}\n")
    (name, edge), *rest = read_environments(environment={"E2I_ENVIRONMENTS": str(file)}).items()
    assert (name, edge.context, edge.bucket.name if edge.bucket else None, rest) == (
        "edge",
        "edge-1",
        "bentos",
        [],
    )


def test_a_wrong_file_of_environments_is_reported_by_place(tmp_path: Path) -> None:
    file = tmp_path / "environments.yaml"
    file.write_text("edge: {namespace: Edge, replicas: 0, colour: red}\n")
    with pytest.raises(InvalidRequest) as caught:
        read_environments(file)
    places = [mistake.place.partition(": ")[2] for mistake in caught.value.mistakes]
    assert places == ["edge.namespace", "edge.replicas", "edge.colour"]


def test_a_missing_file_of_environments_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_environments(tmp_path / "nowhere.yaml")
