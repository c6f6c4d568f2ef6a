"""The MLflow registry, on a real database file."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2i.registry import client as registry
from e2i.registry.client import NotRegistered, Registration, RegistryUnreachable


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create one database file for all tests, because that takes seconds."""
    return tmp_path_factory.mktemp("registry")


@pytest.fixture
def uri(place: Path) -> str:
    return registry.tracking_uri(place)


def put(uri: str, place: Path, name: str, digest: str = "sha256:a") -> str:
    trained, reference = place / name / "trained", place / name / "evaluation"
    for folder, file in ((trained, "card.json"), (reference, "reference.jsonl")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(digest)
    folders = {registry.TRAINED: trained, registry.REFERENCE: reference}
    logged = Registration(digest, {"type": "Regression"}, {"r2": 0.5}, {"e2i.version": "1.0.0"}, folders)
    return registry.register(uri, name, logged, place / "artifacts")


def test_what_was_registered_comes_back_by_number_by_alias_and_by_bento(
    uri: str, place: Path, tmp_path: Path
) -> None:
    number = put(uri, place, "rain_model")
    registry.mark_version(uri, "rain_model", number, bento="rain_model:1.0.0", serving=True)
    for text in ("models:/rain_model/1", "mlflow://models/rain_model/1", "models:/rain_model@serving"):
        fetched = registry.fetch(text, tmp_path / "got", uri)
        assert (fetched.name, fetched.version) == ("rain_model", "1")
        assert (fetched.folder / "card.json").read_text() == "sha256:a"
        assert fetched.tags["e2i.bento"] == "rain_model:1.0.0"
    beside = registry.fetch("models:/rain_model/1", tmp_path / "got", uri, registry.REFERENCE)
    assert (beside.folder / "reference.jsonl").exists()
    assert registry.uri_of_bento(uri, "rain_model", "rain_model:1.0.0") == "models:/rain_model/1"
    assert registry.serving_bento(uri, "rain_model") == "rain_model:1.0.0"


def test_a_model_is_registered_once_however_often_the_step_is_done(uri: str, place: Path) -> None:
    assert put(uri, place, "snow_model", "sha256:a") == "1"
    assert put(uri, place, "snow_model", "sha256:a") == "1"
    assert put(uri, place, "snow_model", "sha256:b") == "2"


@pytest.mark.parametrize("text", ["models:/nobody/1", "models:/hail_model/7", "models:/hail_model@champion"])
def test_what_is_not_registered_is_said(uri: str, place: Path, tmp_path: Path, text: str) -> None:
    put(uri, place, "hail_model")
    with pytest.raises(NotRegistered, match="does not have it"):
        registry.fetch(text, tmp_path, uri)


def test_nothing_serves_when_nobody_said_so(uri: str, place: Path) -> None:
    put(uri, place, "fog_model")
    assert registry.serving_bento(uri, "fog_model") is None
    assert registry.serving_bento(uri, "nobody") is None
    assert registry.uri_of_bento(uri, "fog_model", "fog_model:1.0.0") is None


def test_a_server_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryUnreachable, match="Check MLFLOW_TRACKING_URI"):
        registry.fetch("models:/rain_model/1", tmp_path, "http://127.0.0.1:9")
