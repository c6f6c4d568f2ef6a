"""Find the bento of a model URI; the error if there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from support.stores import a_bento, a_model

from e2i.api.tags import Tag
from e2i.deploying import errors
from e2i.deploying.errors import DeploymentError, ModelNotFound, PackagingRefused
from e2i.deploying.prepare_bento import prepare
from e2i.deploying.stored_bento import find_deployable
from e2i.registry import client as registry
from e2i_bento.card import Card, Feature, Golden, Lineage, ModelFile, write_card

CHURN = Tag("churn", "1.0.0")


def a_card(**changes: object) -> Card:
    values = {
        "name": "weights",
        "type": "Classification",
        "model": ModelFile(name="weights.bin", digest=f"sha256:{'9f' * 32}"),
        "features": (Feature(name="age", kind="integer"),),
        "labels": ("leaves", "stays"),
        "golden": (Golden(input={"age": 3}, output={"label": "stays"}),),
        "lineage": Lineage(trained_at="2026-11-21T12:30:00Z"),
    }
    return Card.model_validate({**values, **changes})


def test_a_bento_is_found_by_its_tag_and_by_the_model_that_only_it_holds(tmp_path: Path) -> None:
    a_bento(tmp_path, labels={"e2i.dev/type": "causal"})
    by_tag = find_deployable(tmp_path, CHURN)
    assert (by_tag.tag, by_tag.type, by_tag.rollout) == ("churn:1.0.0", "Causal", {})
    assert find_deployable(tmp_path, Tag("weights", "7")) == by_tag


def test_a_card_tells_the_type_and_what_the_release_is_asked(tmp_path: Path) -> None:
    a_bento(tmp_path)
    write_card(a_card(), tmp_path / "models" / "weights" / "7")
    found = find_deployable(tmp_path, CHURN)
    assert found.type == "Classification"
    assert [check["path"] for check in found.rollout["verify"]] == ["/predict"]
    assert found.rollout["contract"] == {"labels": ["leaves", "stays"]}


@pytest.mark.parametrize("is_packaged", [True, False])
def test_a_bento_tells_which_variables_it_needs(tmp_path: Path, is_packaged: bool) -> None:
    a_bento(tmp_path, envs=[{"name": "API_KEY", "value": ""}, {"name": "MODE", "value": "fast"}])
    if is_packaged:
        write_card(a_card(), tmp_path / "models" / "weights" / "7")
    assert find_deployable(tmp_path, CHURN).required_env == ("API_KEY",)


def test_a_damaged_card_is_no_traceback(tmp_path: Path) -> None:
    a_bento(tmp_path)
    (tmp_path / "models" / "weights" / "7" / "card.json").write_text("{")
    with pytest.raises(PackagingRefused, match="package it again"):
        find_deployable(tmp_path, CHURN)


def test_what_is_not_in_the_store_is_reported_with_what_is(tmp_path: Path) -> None:
    a_bento(tmp_path)
    a_bento(tmp_path, "churn:2.0.0")
    a_model(tmp_path, "lonely:1")
    for tag, words in (
        (Tag("churn", "3.0.0"), "it has churn:"),
        (Tag("weights", "7"), "deploy one of churn:1.0.0, churn:2.0.0"),
        (Tag("lonely", "1"), "no bento of the store"),
    ):
        with pytest.raises(ModelNotFound, match=words):
            find_deployable(tmp_path, tag)


def fetched(monkeypatch: pytest.MonkeyPatch, folder: Path, **tags: str) -> None:
    """Let the registry return a model that is downloaded into `folder`."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///nowhere.db")
    found = registry.Fetched(
        "weights", "7", folder, {key.replace("_", "."): text for key, text in tags.items()}
    )
    monkeypatch.setattr(registry, "fetch", lambda *_: found)


def test_a_version_that_the_loop_packaged_is_not_packaged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_bento(tmp_path)
    fetched(monkeypatch, tmp_path, e2i_bento="churn:1.0.0")
    assert prepare("models:/weights/7", tmp_path, print) == ("churn:1.0.0", False)


def test_a_version_that_was_deployed_before_is_not_packaged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_bento(tmp_path, "weights:7.0.0", uses=("weights:7.0.0",))
    write_card(a_card(version="7.0.0"), tmp_path / "models" / "weights" / "7.0.0")
    (tmp_path / "trained").mkdir()
    write_card(a_card(), tmp_path / "trained")
    fetched(monkeypatch, tmp_path / "trained")
    assert prepare("models:/weights/7", tmp_path, print) == ("weights:7.0.0", False)


def test_a_trained_folder_has_the_moment_of_its_training_as_version(tmp_path: Path) -> None:
    a_bento(tmp_path, "weights:20261121.123000", uses=("weights:20261121.123000",))
    write_card(a_card(version="20261121.123000"), tmp_path / "models" / "weights" / "20261121.123000")
    (tmp_path / "trained").mkdir()
    write_card(a_card(), tmp_path / "trained")
    assert prepare(f"{tmp_path}/trained", tmp_path, print) == ("weights:20261121.123000", False)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("models:/weights/7", "MLFLOW_TRACKING_URI is not set"),
        ("./nowhere", "no folder nowhere"),
        (str(Path(__file__).parent), "neither card.json nor MLmodel"),
    ],
)
def test_what_cannot_be_found_is_reported_with_the_next_step(
    uri: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ModelNotFound, match=words):
        prepare(uri, tmp_path, print)


def test_every_error_has_an_exit_code() -> None:
    file = Path(__file__).resolve().parents[2] / "bentos" / "deploy_model.py"
    spec = importlib.util.spec_from_file_location("deploy_model", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = {kind.__name__ for kind in kinds if issubclass(kind, DeploymentError)}
    assert module.EXIT_CODES.keys() == known
