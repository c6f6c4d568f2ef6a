"""The next environment's files: what is written, and what people wrote that stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2i.promotion import environment_folder, kustomization
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


def promoted(folder: Path) -> dict[Path, str]:
    environment = kustomization.read_environment(folder)
    return environment_folder.promoted(environment, "churn", EVIDENCE, "models")


def save(files: dict[Path, str]) -> list[Path]:
    with environment_folder.saved(files) as changed:
        return changed


def find(folder: Path, name: str) -> kustomization.Manifest | None:
    return kustomization.find(kustomization.read_environment(folder), name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    environment(tmp_path, ["churn.yaml"])
    (tmp_path / "churn.yaml").write_text(PRODUCTION)
    return tmp_path


def environment(folder: Path, resources: list[str], **more: Any) -> None:
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"resources": resources, **more}))


def test_the_digest_and_the_checks_are_copied_and_all_else_stays(folder: Path) -> None:
    (file,) = save(promoted(folder))
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
    assert save(promoted(folder))
    assert save(promoted(folder)) == []


def test_a_check_that_is_the_same_stays_as_it_is_written(tmp_path: Path) -> None:
    environment(tmp_path, ["churn.yaml"])
    same = """- {path: /predict, name: golden-0, body: '{"input_data": {}}'}"""
    text = PRODUCTION.replace("      - name: golden-3", f"      {same}\n      - name: golden-3")
    (tmp_path / "churn.yaml").write_text(text)
    (file,) = save(promoted(tmp_path))
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
    (file,) = save(promoted(tmp_path))
    assert file.name == "release.yaml"
    assert yaml.safe_load(file.read_text())["spec"]["bento"]["archive"] == {"digest": DIGEST}


def test_a_model_that_is_new_there_gets_a_manifest_that_is_listed(tmp_path: Path) -> None:
    environment(tmp_path, ["namespace.yaml"])
    save(promoted(tmp_path))
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
    promoted(folder)
    assert (folder / "churn.yaml").read_text() == PRODUCTION


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match=r"has no kustomization\.yaml"):
        find(tmp_path, "churn")


def test_two_files_that_both_name_the_bento_are_refused(folder: Path) -> None:
    environment(folder, ["churn.yaml", "again.yaml"])
    (folder / "again.yaml").write_text(PRODUCTION)
    with pytest.raises(PromotionRefused, match="both say the bento of churn") as refused:
        promoted(folder)
    assert refused.value.reason is Reason.FolderUnusable


def test_a_kustomization_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "kustomization.yaml").write_text("resources: [")
    with pytest.raises(PromotionRefused, match=r"kustomization\.yaml is no YAML"):
        find(folder, "churn")


# How a file is written stays.


STYLES = [
    pytest.param(PRODUCTION.replace("\n", "\r\n"), id="line ends of Windows"),
    pytest.param(f"# Owner: churn team.\n---\n{PRODUCTION}", id="a comment above ---"),
    pytest.param(PRODUCTION.replace("      - ", "    - ").replace("        ", "      "), id="flat lists"),
    pytest.param(PRODUCTION + "    # Whoever answers slowly goes.\n", id="a comment at the end"),
    pytest.param(
        PRODUCTION.replace("    watch", "    # Two minutes.\n    watch"), id="a comment after the checks"
    ),
    pytest.param(
        PRODUCTION.replace("      - name: the", "      # Ours.\n      - name: the"), id="of a check"
    ),
    pytest.param(
        PRODUCTION.replace("type: C", "env: [{name: A, value: yes}]\n  type: C"), id="yes without quotes"
    ),
    pytest.param(PRODUCTION.replace("spec:", "x: &a {b: 1}\ny: *a\nspec:"), id="an anchor"),
]


@pytest.mark.parametrize("text", STYLES)
def test_only_lines_of_the_release_change(tmp_path: Path, text: str) -> None:
    environment(tmp_path, ["churn.yaml"])
    (tmp_path / "churn.yaml").write_bytes(text.encode())
    (file,) = save(promoted(tmp_path))
    after = file.read_bytes().decode().splitlines(keepends=True)
    gone = [line.strip() for line in text.splitlines(keepends=True) if line not in after]
    golden = [line for line in gone if line not in ("store: {}", 'tag: "churn_model:1.0.0"')]
    assert golden == ["- name: golden-3", """body: '{"old": true}'"""]
    assert all(line.endswith("\r\n") for line in after) == ("\r\n" in text)


def test_a_file_keeps_its_rights(folder: Path) -> None:
    (folder / "churn.yaml").chmod(0o640)
    (file,) = save(promoted(folder))
    assert file.stat().st_mode & 0o777 == 0o640


# Where a model is named.


BASED = {"kind": "E2IModel", "metadata": {"name": "churn"}, "spec": {"bento": {"tag": "churn_model:1.0.0"}}}


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """An environment whose model comes from ../base."""
    for name, resources in (("base", ["churn.yaml"]), ("production", ["../base"])):
        (tmp_path / name).mkdir()
        environment(tmp_path / name, resources)
    (tmp_path / "base" / "churn.yaml").write_text(yaml.safe_dump(BASED))
    return tmp_path / "production"


def test_a_model_of_the_base_gets_a_patch_and_no_second_manifest(overlay: Path) -> None:
    save(promoted(overlay))
    listed = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    assert listed == {"resources": ["../base"], "patches": [{"path": "churn.yaml"}]}
    made = yaml.safe_load((overlay / "churn.yaml").read_text())
    assert (made["metadata"], made["spec"]["bento"]) == ({"name": "churn"}, dict(EVIDENCE.bento))
    assert "type" not in made["spec"]


def test_a_patch_that_says_something_else_of_the_model_gets_the_release_too(overlay: Path) -> None:
    patch = {"kind": "E2IModel", "metadata": {"name": "churn"}, "spec": {"replicas": 3}}
    (overlay / "size.yaml").write_text(yaml.safe_dump(patch))
    environment(overlay, ["../base"], patches=[{"path": "size.yaml"}])
    (file,) = save(promoted(overlay))
    spec = yaml.safe_load(file.read_text())["spec"]
    assert (file.name, spec["replicas"], spec["bento"]) == ("size.yaml", 3, dict(EVIDENCE.bento))


def test_the_kustomization_says_namespace_and_name_in_the_cluster(overlay: Path) -> None:
    environment(overlay, ["../base"], namespace="risk", namePrefix="eu-", nameSuffix="-v2")
    found = kustomization.read_environment(overlay)
    assert (found.namespace, found.name_of("churn")) == ("risk", "eu-churn-v2")
    below = kustomization.inherited(found, "churn")
    assert below is not None
    assert below.file == overlay / "../base" / "churn.yaml"


@pytest.mark.parametrize("name", ["kustomization.yml", "Kustomization"])
def test_a_kustomization_may_have_each_of_its_three_names(folder: Path, name: str) -> None:
    (folder / "kustomization.yaml").rename(folder / name)
    assert [file.name for file in save(promoted(folder))] == ["churn.yaml"]


OPERATION = '[{"op": "replace", "path": "/spec/bento/tag", "value": "a:1"}]'
UNUSABLE: list[Any] = [
    pytest.param(
        {"churn.yaml": f"{PRODUCTION}---\nkind: ConfigMap\n"}, "has 2 documents", id="two documents"
    ),
    pytest.param({"churn.yaml": "spec: [\n"}, r"churn\.yaml is no YAML", id="no YAML"),
    pytest.param({"churn.yaml": b"\xff\xfe\x00"}, "is no text in UTF-8", id="no text"),
    pytest.param(
        {"kustomization.yaml": yaml.safe_dump({"patches": [{"patch": yaml.safe_dump(BASED)}]})},
        r"says spec\.bento of churn in a patch without a file",
        id="a patch without a file",
    ),
    pytest.param(
        {
            "kustomization.yaml": yaml.safe_dump(
                {"patches": [{"patch": OPERATION, "target": {"kind": "E2IModel"}}]}
            )
        },
        "says /spec/bento/tag of churn in a patch without a file",
        id="an operation without a file",
    ),
    pytest.param(
        {"kustomization.yaml": "resources: churn.yaml\n"}, "resources of .* is no list", id="no list"
    ),
    pytest.param(
        {"kustomization.yaml": "namespace: models\n"}, "does not list it", id="a file that is not listed"
    ),
]


@pytest.mark.parametrize(("files", "words"), UNUSABLE)
def test_a_folder_that_cannot_be_changed_well_is_refused(
    folder: Path, files: dict[str, str | bytes], words: str
) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(PromotionRefused, match=words) as refused:
        save(promoted(folder))
    assert refused.value.reason is Reason.FolderUnusable
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


def test_a_link_out_of_the_environment_is_refused(overlay: Path) -> None:
    (overlay / "churn.yaml").symlink_to(overlay.parent / "base" / "churn.yaml")
    environment(overlay, ["churn.yaml"])
    with pytest.raises(PromotionRefused, match="outside of the environment, where others may use it"):
        promoted(overlay)


def test_a_link_inside_the_environment_stays_a_link(folder: Path) -> None:
    (folder / "churn.yaml").rename(folder / "real.yaml")
    (folder / "churn.yaml").symlink_to("real.yaml")
    assert save(promoted(folder))
    assert (folder / "churn.yaml").is_symlink()
    assert "churn_model:1.1.0" in (folder / "real.yaml").read_text()


def test_what_fails_after_the_writing_leaves_all_files_as_they_were(overlay: Path) -> None:
    before = {file.name: file.read_bytes() for file in overlay.iterdir()}
    files = promoted(overlay)
    with pytest.raises(RuntimeError):
        _fail_after_writing(files)
    assert {file.name: file.read_bytes() for file in overlay.iterdir()} == before


def _fail_after_writing(files: dict[Path, str]) -> None:
    with environment_folder.saved(files) as changed:
        assert len(changed) == 2
        raise RuntimeError("a hook of Git refuses it")
