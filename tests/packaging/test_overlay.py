"""The folder of an environment: what people wrote stays, what follows from the bento is made anew."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.cards import a_card

from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.model_manifest import ManifestInputs
from e2i.packaging.overlay import to_yaml, write_overlay
from e2i_bento.card import Card, Feature, Golden, ModelFile

BY_HAND = """\
# The team of customer care answers for this one.
apiVersion: serving.e2i.dev/v1alpha1
kind: E2IModel
metadata:
  name: churn-model
  namespace: care
spec:
  type: Classification
  bento:
    tag: "churn_model:1.0.0"   # moved by e2i
  replicas: 3  # for the load of Monday
  resources:
    limits: {memory: 1Gi}
  rollout:
    verify:
      - name: a contented customer stays
        path: /predict
        body: '{"input_data": {"x": 60}}'
      - name: golden-churn_model-1
        path: /predict
        body: '{"input_data": {"x": 1}}'
    contract:
      labels: [leaves]
"""


def wanted(version: str = "1.1.0", **changes: object) -> ManifestInputs:
    card = Card(
        name="churn_model",
        type="Classification",
        model=ModelFile(name="model.joblib", digest="sha256:" + "0" * 64),
        features=(Feature(name="x", kind="integer"),),
        labels=("leaves", "stays"),
        golden=(Golden(input={"x": 7}, output={"label": "stays"}),),
    )
    return ManifestInputs(f"churn_model:{version}", [card], **changes)  # type: ignore[arg-type]


def kustomization(folder: Path) -> list[str]:
    return list(yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"])


def test_a_first_manifest_is_written_and_listed(tmp_path: Path) -> None:
    folder = tmp_path / "staging"
    file, changed = write_overlay(folder, wanted())
    assert changed
    assert yaml.safe_load(file.read_text())["spec"]["bento"] == {"tag": "churn_model:1.1.0"}
    assert kustomization(folder) == ["churn-model.yaml"]


@pytest.mark.parametrize(
    ("model_bytes", "memory"),
    [
        pytest.param(0, "512Mi", id="a small model is part of its worker"),
        pytest.param(40 * 2**20, "512Mi", id="40 MiB"),
        pytest.param(300 * 2**20, "1408Mi", id="300 MiB, three times in memory"),
    ],
)
@pytest.mark.parametrize("kind", ["Regression", "Causal"])
def test_a_new_manifest_says_what_its_pods_request_whatever_the_type(
    kind: str, model_bytes: int, memory: str
) -> None:
    """The operator's default for a causal model, a CPU and 2Gi, fills a laptop; packaged ones need no more."""
    card = wanted().cards[0].model_copy(update={"type": kind})
    made = yaml.safe_load(to_yaml(ManifestInputs("churn_model:1.1.0", [card], model_bytes=model_bytes)))
    assert made["spec"]["resources"] == {"requests": {"cpu": "250m", "memory": memory}}


def test_resources_that_a_person_wrote_or_left_out_stay(tmp_path: Path) -> None:
    file, _ = write_overlay(tmp_path, wanted("1.0.0"))
    spec = yaml.safe_load(file.read_text())
    del spec["spec"]["resources"]
    file.write_text(yaml.safe_dump(spec))
    write_overlay(tmp_path, wanted())
    assert "resources" not in yaml.safe_load(file.read_text())["spec"]


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    write_overlay(tmp_path, wanted())
    assert write_overlay(tmp_path, wanted())[1] is False


def test_what_people_wrote_stays(tmp_path: Path) -> None:
    (tmp_path / "churn-model.yaml").write_text(BY_HAND)
    file, _ = write_overlay(tmp_path, wanted())
    text = file.read_text()
    model = yaml.safe_load(text)
    assert "# The team of customer care" in text
    assert "# for the load of Monday" in text
    assert (model["spec"]["replicas"], model["metadata"]["namespace"]) == (3, "care")
    assert model["spec"]["resources"] == {"limits": {"memory": "1Gi"}}
    assert model["spec"]["rollout"]["verify"][0]["name"] == "a contented customer stays"


def test_bento_checks_and_labels_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "churn-model.yaml").write_text(BY_HAND)
    file, _ = write_overlay(tmp_path, wanted())
    spec = yaml.safe_load(file.read_text())["spec"]
    assert spec["bento"]["tag"] == "churn_model:1.1.0"
    assert '"x": 7' in spec["rollout"]["verify"][1]["body"]
    assert spec["rollout"]["contract"]["labels"] == ["leaves", "stays"]


def test_the_digest_of_an_archive_moves_with_the_bento(tmp_path: Path) -> None:
    write_overlay(tmp_path, wanted(digest="sha256:" + "1" * 64))
    file, _ = write_overlay(tmp_path, wanted("1.2.0", digest="sha256:" + "2" * 64))
    bento = yaml.safe_load(file.read_text())["spec"]["bento"]
    assert bento == {"tag": "churn_model:1.2.0", "archive": {"digest": "sha256:" + "2" * 64}}


def test_an_archive_of_another_bento_is_not_left_behind(tmp_path: Path) -> None:
    write_overlay(tmp_path, wanted(digest="sha256:" + "1" * 64))
    file, _ = write_overlay(tmp_path, wanted("1.2.0"))
    assert yaml.safe_load(file.read_text())["spec"]["bento"] == {"tag": "churn_model:1.2.0"}


def test_other_resources_of_the_environment_stay_listed(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(
        "# staging\nnamespace: models\nresources:\n  - namespace.yaml\n"
    )
    write_overlay(tmp_path, wanted())
    assert kustomization(tmp_path) == ["namespace.yaml", "churn-model.yaml"]
    assert "# staging" in (tmp_path / "kustomization.yaml").read_text()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("kind: Service\nmetadata: {name: churn-model}\nspec: {}\n", id="another kind"),
        pytest.param("- a\n- b\n", id="a list"),
        pytest.param("a: [\n", id="no YAML"),
        pytest.param(BY_HAND.replace("name: churn-model\n", "name: other\n"), id="another model"),
    ],
)
def test_a_file_that_cannot_be_kept_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "churn-model.yaml"
    file.write_text(text)
    with pytest.raises(PackagingError) as refused:
        write_overlay(tmp_path, wanted())
    assert refused.value.reason is ErrorReason.ManifestUnusable
    assert file.read_text() == text
    assert not (tmp_path / "kustomization.yaml").exists()


def test_a_folder_that_was_misspelt_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(PackagingError) as refused:
        write_overlay(tmp_path / "stagign" / "models", wanted())
    assert refused.value.reason is ErrorReason.FileMissing


def test_the_printed_manifest_is_the_written_one(tmp_path: Path) -> None:
    file, _ = write_overlay(tmp_path, wanted())
    assert file.read_text() == to_yaml(wanted())


def test_labels_that_kubectl_would_read_as_booleans_have_quotes() -> None:
    """kubectl reads YAML 1.1, as PyYAML does."""
    text = to_yaml(ManifestInputs("churn_model:1.0.0", [a_card(labels=("no", "yes"))]))
    assert yaml.safe_load(text)["spec"]["rollout"]["contract"]["labels"] == ["no", "yes"]
