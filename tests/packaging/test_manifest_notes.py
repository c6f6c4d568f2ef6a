"""What a manifest does not promise is said on standard error and in its comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support.cards import a_card

from e2i.archive.bento_store import FoundBento
from e2i.cli import main
from e2i.packaging import stored_bento
from e2i.packaging.errors import PackagingError
from e2i.packaging.manifest_notes import manifest_notes
from e2i.packaging.model_manifest import ManifestInputs, verify_checks
from e2i.packaging.overlay import notes_of, to_yaml, update_manifest
from e2i.packaging.stored_bento import StoredBento, required_env
from e2i_bento.card import Card, Feature, Golden


def wide(columns: int, name: str = "wide") -> Card:
    names = [f"gene_{number}" for number in range(columns)]
    features = tuple(Feature(name=each, kind="number") for each in names)
    golden = (Golden(input=dict.fromkeys(names, 0.1), output={"value": 1.0}),)
    return a_card(name, type="Regression", labels=(), features=features, golden=golden)


def test_a_model_of_too_many_columns_says_that_nothing_is_checked_before_a_release() -> None:
    text = to_yaml(ManifestInputs("wide:1.0.0", [wide(1500)]))
    assert notes_of(text) == [
        "No golden prediction of wide is checked before a release of wide gets requests: the API server takes at most "
        "16384 characters for one. The service itself predicts all of them before it is ready."
    ]
    assert yaml.safe_load(text)["spec"]["rollout"]["verify"] == []


def test_a_body_is_written_without_spaces_before_it_is_left_out() -> None:
    card = wide(1000)
    (check,) = verify_checks([card])
    assert " " not in check["body"]
    assert len(check["body"]) <= 16384
    assert manifest_notes(ManifestInputs("wide:1.0.0", [card])) == []


def test_checks_of_ones_own_that_leave_no_room_are_said() -> None:
    (note,) = manifest_notes(ManifestInputs("churn_model:1.0.0", [a_card()]), own_checks=15)
    assert note.startswith("15 of at most 16 checks are your own, so only 1 golden predictions")


def test_labels_that_the_contract_has_no_room_for_are_said() -> None:
    card = a_card(labels=tuple(f"label {number}" for number in range(300)))
    (note,) = manifest_notes(ManifestInputs("churn_model:1.0.0", [card]))
    assert note.startswith("The 300 labels are not part of the contract")


def test_a_variable_without_a_value_is_said_until_the_manifest_sets_it() -> None:
    inputs = ManifestInputs("churn_model:1.0.0", [a_card()], required_env=("KEY", "MODE"), env={"MODE": "x"})
    text = to_yaml(inputs)
    (note,) = notes_of(text)
    assert note.startswith("The bento declares KEY without a value: set it in spec.env")
    edited = text.replace(
        "  env:\n", "  env:\n    - name: KEY\n      valueFrom: {secretKeyRef: {name: s, key: k}}\n"
    )
    assert notes_of(update_manifest(edited, Path("churn-model.yaml"), inputs)) == []


def test_a_note_is_written_once_however_often_the_manifest_is_updated() -> None:
    inputs = ManifestInputs("wide:1.0.0", [wide(1500)])
    text = "# mine\n" + to_yaml(inputs)
    again = update_manifest(update_manifest(text, Path("wide.yaml"), inputs), Path("wide.yaml"), inputs)
    assert len(notes_of(again)) == 1
    assert "# mine\n" in again


def test_the_command_prints_the_notes_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    bento = StoredBento("wide:1.0.0", "sha256:0", (wide(1500),), ("KEY",))
    monkeypatch.setattr(stored_bento, "read_stored", lambda *_: bento)
    printed = CliRunner().invoke(main, ["manifest", "wide:1.0.0"])
    assert printed.exit_code == 0
    assert printed.stderr.count("Note: ") == 2
    assert "The bento declares KEY without a value" in printed.stderr
    assert yaml.safe_load(printed.stdout)["kind"] == "E2IModel"


@pytest.mark.parametrize(
    ("envs", "names"),
    [
        ([{"name": "KEY", "value": "", "stage": "all"}, {"name": "MODE", "value": "fast"}], ("KEY",)),
        ([{"name": "TOKEN", "value": "", "stage": "build"}], ()),
        ([], ()),
        pytest.param([{"value": ""}, "KEY"], (), id="variables of no known form"),
        pytest.param({"KEY": ""}, (), id="no list"),
    ],
)
def test_variables_without_a_value_are_read_from_the_bento(
    envs: Any, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_bento, "read_description", lambda *_: {"envs": envs})
    found = FoundBento.__new__(FoundBento)
    object.__setattr__(found, "pieces", ())
    object.__setattr__(found, "tag", None)
    assert required_env(found) == names


def test_a_bento_without_a_model_is_refused_with_its_variables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Found:
        models: tuple[object, ...] = ()
        pieces: tuple[object, ...] = ()
        tag = None

    monkeypatch.setattr(stored_bento, "find_bento", lambda *_: Found())
    monkeypatch.setattr(stored_bento, "content_digest", lambda _: "sha256:0")
    envs = [{"name": "FEATURE_STORE_KEY", "value": ""}]
    monkeypatch.setattr(stored_bento, "read_description", lambda *_: {"envs": envs})
    with pytest.raises(PackagingError, match=r"envneed:1\.0\.0 has no model.*FEATURE_STORE_KEY"):
        stored_bento.read_stored(tmp_path, "envneed:1.0.0")
