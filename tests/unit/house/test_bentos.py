"""The sample models: what is learned, and that it can be learned again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
BENTOS = PROJECT / "bentos"
WITH_MODEL = sorted(file.parent.name for file in BENTOS.glob("*/train.py"))

Recipe = Callable[[str], ModuleType]
FITTED: dict[tuple[str, str], Any] = {}


def fitted(train: ModuleType, version: str) -> Any:
    """Return the model of this version, trained once for all tests of this file."""
    key = (str(train.__file__), version)
    if key not in FITTED:
        FITTED[key] = train.fit(version)
    return FITTED[key]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recipe]:
    """Import bentos/<name>/train.py the way build.py does, and forget it afterwards."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(BENTOS / name))
        return importlib.import_module("train")

    yield load
    for name in ("train", "data"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", WITH_MODEL)
def test_two_versions_answer_the_documented_input_differently(recipe: Recipe, name: str) -> None:
    train = recipe(name)
    answers = [fitted(train, version).predict([train.GOLDEN])[0] for version in train.VERSIONS]
    assert len(set(answers)) == 2


@pytest.mark.parametrize("name", WITH_MODEL)
def test_training_again_gives_the_same_predictions(recipe: Recipe, name: str) -> None:
    train = recipe(name)
    models = (fitted(train, "2.0.0"), train.fit("2.0.0"))
    first, second = (model.predict_proba([train.GOLDEN]).tolist() for model in models)
    assert first == second


def test_the_second_churn_model_is_much_nearer_to_the_known_truth(recipe: Recipe) -> None:
    train = recipe("churn")
    first, second, wrong = (train.error_to_truth(fitted(train, version)) for version in train.VERSIONS)
    assert second < first / 2
    assert wrong > 0.3, "the third one learned from swapped labels"


def test_the_true_probability_of_leaving_is_what_the_formula_says(recipe: Recipe) -> None:
    train = recipe("churn")
    assert train.churn_probability(train.GOLDEN) == pytest.approx(0.2942, abs=1e-4)
    free = train.GOLDEN | {"contract": "month_to_month"}
    assert train.churn_probability(free) == pytest.approx(0.9938, abs=1e-4)


def test_the_churn_bento_says_that_its_data_is_synthetic(recipe: Recipe) -> None:
    train = recipe("churn")
    assert "SYNTHETIC" in str(sys.modules[train.generate.__module__].__doc__)
    assert bentofile("churn")["labels"]["e2i.dev/data"] == "synthetic"


def test_the_old_style_credit_risk_models_say_how_far_they_are_from_the_known_truth(recipe: Recipe) -> None:
    train = recipe("credit_risk_runner")
    assert train.default_probability(train.GOLDEN) == pytest.approx(0.989, abs=1e-3)
    first, second = (train.error_to_truth(fitted(train, version)) for version in train.VERSIONS)
    assert second < first < 0.1
    assert bentofile("credit_risk_runner")["labels"]["e2i.dev/data"] == "synthetic"


def test_the_echo_bento_declares_that_it_holds_no_model() -> None:
    assert bentofile("echo")["labels"]["e2i.dev/no-model"] == "true"


@pytest.mark.parametrize("name", WITH_MODEL)
def test_a_bento_is_pinned_to_the_versions_in_the_lock_file(name: str) -> None:
    pins = (BENTOS / name / "requirements.txt").read_text().splitlines()
    wanted = {normal(pin) for pin in pins if pin and not pin.startswith("#")}
    locked = {normal(line) for line in (PROJECT / "requirements.lock").read_text().splitlines()}
    assert wanted - locked == set()


@pytest.mark.parametrize(
    "sample", sorted((PROJECT / "manifests" / "samples").glob("*.yaml")), ids=lambda f: f.stem
)
def test_a_sample_names_a_bento_that_build_py_can_build(recipe: Recipe, sample: Path) -> None:
    name, version = yaml.safe_load(sample.read_text())["spec"]["bento"]["tag"].split(":")
    folder = next(
        file.parent.name
        for file in BENTOS.glob("*/bentofile.yaml")
        if bentofile(file.parent.name)["name"] == name
    )
    assert version in recipe(folder).VERSIONS


def bentofile(name: str) -> dict[str, dict[str, str]]:
    content: dict[str, dict[str, str]] = yaml.safe_load((BENTOS / name / "bentofile.yaml").read_text())
    return content


def normal(requirement: str) -> str:
    """One spelling for a pin: the lock file quotes and continues its lines in its own way."""
    return requirement.rstrip("\\").replace('"', "'").replace(" ", "")
