"""Real bentos in temporary stores: reproducible, never half there, never another under the same version, serving."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2i.api.tags import parse_tag
from e2i.archive.bento_store import FoundBento, find_bento
from e2i.packaging import bento_build
from e2i.packaging.errors import ErrorReason, PackagingError
from e2i.packaging.package import BentoOptions, Packaged, package
from e2i.packaging.store_write import stored_digest
from e2i.packaging.stored_bento import read_stored
from e2i.packaging.trial import Trial

TAG = "left_model:1.0.0"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, pipeline: Any, data: Any, requirements: Path) -> Path:
    """A trained folder that was packaged once, so that its lock is there."""
    from e2i.packaging.describe import describe

    folder = tmp_path_factory.mktemp("kept") / "trained"
    describe(
        pipeline,
        data,
        name="left_model",
        kind="Classification",
        target="left",
        out=folder,
        requirements=requirements,
        synthetic=True,
    )
    package(
        [folder], BentoOptions(explain=False), version="1.0.0", store=folder.parent / "store", serve=False
    )
    return folder


@pytest.fixture
def prebuilt(kept: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """For tests of what happens around the build: the bento of `kept` is copied instead of built again, with the files
    that a test puts into this dict."""
    home, files = kept.parent / "store", dict[str, str]()

    def copied(_: object, folder: Path) -> FoundBento:
        for part in ("bentos", "models"):
            shutil.copytree(home / part, folder / "home" / part)
        for name, text in files.items():
            (folder / "home" / "bentos" / TAG.replace(":", "/") / name).write_text(text)
        return find_bento(folder / "home", parse_tag(TAG))

    monkeypatch.setattr("e2i.packaging.package.assemble", copied)
    return files


@pytest.fixture
def again(kept: Path, tmp_path: Path) -> Path:
    """A copy of the trained folder, with its lock and without its ledger."""
    return Path(shutil.copytree(kept, tmp_path / "project" / "trained"))


def put(trained: Path, store: Path, *, serve: bool = False, service: Path | None = None) -> Packaged:
    options = BentoOptions(service=service, explain=False)
    return package([trained], options, version="1.0.0", store=store, serve=serve)


def test_a_variable_that_the_bento_declares_without_a_value_is_named_before_the_trial(
    kept: Path, again: Path, prebuilt: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    described = yaml.safe_load((kept.parent / "store/bentos/left_model/1.0.0/bento.yaml").read_text())
    described["envs"] = [
        {"name": "API_KEY", "value": "", "stage": "all"},
        {"name": "MODE", "value": "fast", "stage": "all"},
        {"name": "TOKEN", "value": "", "stage": "build"},
    ]
    prebuilt["bento.yaml"] = yaml.safe_dump(described, sort_keys=False)
    said: list[str] = []

    def trial(*_: object) -> Trial:
        said.append("the trial")
        return Trial(seconds=1.0, memory=1, requests=1, environment="this one")

    monkeypatch.setattr("e2i.packaging.package.run_trial", trial)
    options = BentoOptions(explain=False)
    package([again], options, version="1.0.0", store=again.parent / "other", say=said.append)
    notes = [line for line in said if "without a value" in line]
    assert [note.partition(":")[0] for note in notes] == ["The bento declares API_KEY without a value"]
    assert said.index(notes[0]) < said.index("the trial")


def test_the_same_inputs_give_the_same_digest_at_another_time_in_another_store(
    kept: Path, again: Path
) -> None:
    first = stored_digest(kept.parent / "store", TAG)
    second = put(again, again.parent / "other")
    assert second.digest == first
    assert second.is_new


def test_the_bento_has_model_lock_schema_golden_predictions_and_labels(kept: Path) -> None:
    store = kept.parent / "store"
    found = find_bento(store, parse_tag(TAG))
    files = {piece.member.path for piece in found.pieces}
    assert {
        "src/service.py",
        "src/e2i_bento/card.py",
        f"models/{TAG.replace(':', '/')}/model.joblib",
    } <= files
    requirements = (found.path / "env/python/requirements.txt").read_text()
    assert requirements == (kept / "requirements.lock").read_text()
    assert requirements.count("\nbentoml==") == 1
    assert "--hash=sha256:" in requirements
    assert "index-url" not in requirements
    described = yaml.safe_load((found.path / "bento.yaml").read_text())
    assert described["labels"] == {"e2i.dev/data": "synthetic", "e2i.dev/type": "classification"}
    assert read_stored(store, TAG).cards[0].version == "1.0.0"


def test_a_full_disk_is_not_called_a_mistake_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.dumps(
        {"error": "Error: [('/a', '/b', \"[Errno 28] No space left on device: '/a' -> '/b'\")]"}
    )
    ended = subprocess.CompletedProcess([], 1, said, "")
    monkeypatch.setattr(bento_build, "_build_in_child", lambda *_: ended)
    plan = bento_build.BuildPlan(version="1.0.0", made="", models=())
    with pytest.raises(
        PackagingError, match=r"bento: No space left on device\. Free some in .* package again"
    ):
        bento_build.build_bento(plan, tmp_path / "context", tmp_path / "home")


@pytest.mark.usefixtures("prebuilt")
def test_the_same_version_with_the_same_content_is_success_and_changes_nothing(kept: Path) -> None:
    store = kept.parent / "store"
    before = {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()}
    packaged = put(kept, store)
    assert not packaged.is_new
    after = {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()}
    assert {file for file in before if before[file] != after.get(file)} <= {
        store / "tmp" / "e2i-packaging.lock"
    }


def test_the_same_version_with_other_content_is_refused(
    kept: Path, again: Path, prebuilt: dict[str, str]
) -> None:
    prebuilt["src/service.py"] = "# another service\n"
    with pytest.raises(PackagingError) as refused:
        put(again, kept.parent / "store")
    assert refused.value.reason is ErrorReason.VersionReused
    shutil.copyfile(kept.parent / "versions.jsonl", again.parent / "versions.jsonl")
    with pytest.raises(PackagingError, match=r"versions\.jsonl") as refused:
        put(again, again.parent / "an empty store")
    assert refused.value.reason is ErrorReason.VersionReused


@pytest.mark.usefixtures("prebuilt")
def test_a_model_that_an_interrupted_packaging_left_is_replaced(again: Path) -> None:
    store = again.parent / "store"
    left = store / "models" / "left_model" / "1.0.0"
    left.mkdir(parents=True)
    (left / "model.yaml").write_text("half\n")
    assert put(again, store).is_new
    assert read_stored(store, TAG).cards[0].name == "left_model"


@pytest.mark.usefixtures("prebuilt")
def test_a_packaging_that_is_killed_leaves_nothing(again: Path) -> None:
    store = again.parent / "store"
    argv = [
        sys.executable,
        "-m",
        "e2i.cli",
        "package",
        str(again),
        "--version",
        "1.0.0",
        "--store",
        str(store),
    ]
    code = "from e2i.cli import main; main()"
    argv = [sys.executable, "-c", code, *argv[3:], "--no-serve", "--no-explain"]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert any("building the bento" in line for line in process.stderr)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    assert stored_digest(store, TAG) is None
    assert put(again, store).is_new
    assert list((store / "tmp").glob("e2i-packaging-*")) == []


def test_a_store_that_bentoml_reads(kept: Path) -> None:
    code = (
        f"import bentoml; b = bentoml.bentos.get('{TAG}'); print(b.tag, b.info.all_models[0].tag, "
        "bentoml.models.get('left_model:latest').tag, len(bentoml.bentos.list()))"
    )
    environment = os.environ | {"BENTOML_HOME": str(kept.parent / "store"), "PYTHONWARNINGS": "ignore"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [TAG, TAG, TAG, "1"]


def test_a_service_that_cannot_be_imported_is_told_with_its_own_words(again: Path, tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.mkdir()
    (service / "service.py").write_text(
        'declared = print\ndeclared("left_model")\nraise ValueError("no such luck")\n'
    )
    with pytest.raises(PackagingError, match="no such luck") as refused:
        put(again, tmp_path / "store", service=service)
    assert refused.value.reason is ErrorReason.BuildFailed
    assert not list((tmp_path / "store").glob("bentos/*/*"))


@pytest.mark.usefixtures("prebuilt")
def test_two_at_once_put_one_bento(again: Path) -> None:
    """The second one comes while the first is served for its trial: it finds the bento when it wants to put its own."""
    store = again.parent / "store"

    def meanwhile(*_: Any) -> Trial:
        assert put(again, store).is_new
        return Trial(0.0, 0, 0, "none")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("e2i.packaging.package.run_trial", meanwhile)
        packaged = put(again, store, serve=True)
    assert not packaged.is_new
    assert stored_digest(store, TAG) == packaged.digest
    assert len((again.parent / "versions.jsonl").read_text().splitlines()) == 1


@pytest.mark.usefixtures("prebuilt")
def test_the_bento_is_served_and_answers_before_it_is_kept(again: Path) -> None:
    packaged = put(again, again.parent / "store", serve=True)
    assert packaged.trial is not None
    assert packaged.trial.requests >= 8
    assert packaged.trial.memory > 100 << 20


@pytest.mark.usefixtures("prebuilt")
def test_a_bento_that_answers_otherwise_when_served_is_not_kept(
    again: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from e2i.packaging import package as module

    def wrong(built: Any, cards: Any, lock: str) -> Any:
        raise PackagingError(ErrorReason.AnswerDiffers, "not what was recorded")

    monkeypatch.setattr(module, "run_trial", wrong)
    store = again.parent / "store"
    with pytest.raises(PackagingError):
        put(again, store, serve=True)
    assert stored_digest(store, TAG) is None
    assert not (again.parent / "versions.jsonl").exists()


def test_the_lock_is_made_once_and_anew_when_a_pin_changes(again: Path) -> None:
    from e2i.packaging.requirements import lock
    from e2i.packaging.trained_folder import read_trained_folder

    trained = read_trained_folder(again)
    file = again / "requirements.lock"
    before = file.read_text()
    started = time.monotonic()
    assert lock([trained], (), False, file) == before
    assert time.monotonic() - started < 5
    file.write_text(before.replace("from sha256:", "from sha256:0"))
    assert lock([trained], (), False, file) == before
