"""The next environment's files: what is written, and what people wrote that stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2i.promotion.environment_folder import find, promoted, save
from e2i.promotion.errors import PromotionRefused, Reason
from e2i.promotion.evidence import Evidence

DIGEST = "sha256:" + "a" * 64
VERIFY = [{"name": "golden-0", "path": "/predict", "body": '{"input_data": {}}'}]
EVIDENCE = Evidence(
    release="churn-1",
    bento={"tag": "churn_model:1.1.0", "archive": {"digest": DIGEST}},
    checks={"verify": VERIFY, "contract": {"labels": ["leaves", "stays"]}},
    type="Classification",
    digest=DIGEST,
    tag="churn_model:1.1.0",
    served_at=datetime(2026, 11, 29, tzinfo=UTC),
    served=timedelta(days=1),
    verified="",
    earlier_failures=(),
)
PRODUCTION = """\
# Ask the churn team before you change this.
apiVersion: serving.e2i.dev/v1alpha1
kind: E2IModel
metadata:
  name: churn
  namespace: models
spec:
  type: Classification
  bento:
    tag: "churn_model:1.0.0"
    store: {}
  replicas: 12  # for the evening
  rollout:
    verify:
      - name: golden-3
        path: /predict
        body: '{"old": true}'
      - name: the largest customer stays
        path: /predict
        body: '{"input_data": {"customer": 1}}'
    watch: {seconds: 120}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    environment(tmp_path, ["churn.yaml"])
    (tmp_path / "churn.yaml").write_text(PRODUCTION)
    return tmp_path


def environment(folder: Path, resources: list[str], **more: Any) -> None:
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": resources, **more}))


def test_the_digest_and_the_checks_are_copied_and_all_else_stays(folder: Path) -> None:
    (file,) = save(promoted(folder, "churn", EVIDENCE, "models"))
    text = file.read_text()
    spec = yaml.safe_load(text)["spec"]
    assert spec["bento"] == {"tag": "churn_model:1.1.0", "archive": {"digest": DIGEST}}
    assert [check["name"] for check in spec["rollout"]["verify"]] == [
        "golden-0",
        "the largest customer stays",
    ]
    assert spec["rollout"]["contract"] == {"labels": ["leaves", "stays"]}
    assert (spec["replicas"], spec["rollout"]["watch"]) == (12, {"seconds": 120})
    assert "# Ask the churn team" in text
    assert "# for the evening" in text


def test_the_second_time_nothing_changes(folder: Path) -> None:
    assert save(promoted(folder, "churn", EVIDENCE, "models"))
    assert save(promoted(folder, "churn", EVIDENCE, "models")) == []


def test_a_check_that_is_the_same_stays_as_it_is_written(tmp_path: Path) -> None:
    environment(tmp_path, ["churn.yaml"])
    same = """- {path: /predict, name: golden-0, body: '{"input_data": {}}'}"""
    text = PRODUCTION.replace("      - name: golden-3", f"      {same}\n      - name: golden-3")
    (tmp_path / "churn.yaml").write_text(text)
    (file,) = save(promoted(tmp_path, "churn", EVIDENCE, "models"))
    assert same in file.read_text()


def test_a_patch_of_the_folder_is_changed_where_it_names_the_bento(tmp_path: Path) -> None:
    environment(
        tmp_path,
        ["../base"],
        patches=[{"path": "release.yaml"}, {"target": {"kind": "E2IModel"}, "patch": "[]"}],
    )
    patch = {
        "kind": "E2IModel",
        "metadata": {"name": "churn"},
        "spec": {"bento": {"tag": "churn_model:1.0.0"}},
    }
    (tmp_path / "release.yaml").write_text(yaml.safe_dump(patch))
    (file,) = save(promoted(tmp_path, "churn", EVIDENCE, "models"))
    assert file.name == "release.yaml"
    assert yaml.safe_load(file.read_text())["spec"]["bento"]["archive"] == {"digest": DIGEST}


def test_a_model_that_is_new_there_gets_a_manifest_that_is_listed(tmp_path: Path) -> None:
    environment(tmp_path, ["namespace.yaml"])
    save(promoted(tmp_path, "churn", EVIDENCE, "models"))
    made = yaml.safe_load((tmp_path / "churn.yaml").read_text())
    assert made["metadata"] == {"name": "churn", "namespace": "models"}
    assert made["spec"] == {
        "type": "Classification",
        "bento": dict(EVIDENCE.bento),
        "rollout": dict(EVIDENCE.checks),
    }
    listed = yaml.safe_load((tmp_path / "kustomization.yaml").read_text())["resources"]
    assert listed == ["namespace.yaml", "churn.yaml"]


def test_nothing_is_written_before_it_is_saved(folder: Path) -> None:
    promoted(folder, "churn", EVIDENCE, "models")
    assert (folder / "churn.yaml").read_text() == PRODUCTION


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match=r"has no kustomization\.yaml"):
        find(tmp_path, "churn")


def test_two_files_that_both_name_the_bento_are_refused(folder: Path) -> None:
    environment(folder, ["churn.yaml", "again.yaml"])
    (folder / "again.yaml").write_text(PRODUCTION)
    with pytest.raises(PromotionRefused, match="both say the bento of churn") as refused:
        promoted(folder, "churn", EVIDENCE, "models")
    assert refused.value.reason is Reason.FolderUnusable


def test_a_kustomization_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "kustomization.yaml").write_text("resources: [")
    with pytest.raises(PromotionRefused, match=r"kustomization\.yaml is no YAML"):
        find(folder, "churn")
