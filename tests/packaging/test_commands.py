"""The commands `e2i package` and `e2i manifest`, as somebody types them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from e2i.cli import main
from e2i.packaging.errors import ErrorReason

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "e2i-package.md"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def files(tmp_path: Path, pipeline: Any, data: pd.DataFrame, requirements: Path) -> dict[str, Path]:
    """A model and its data as somebody has them who knows nothing of us."""
    joblib.dump(pipeline, tmp_path / "model.joblib")
    data.to_csv(tmp_path / "train.csv", index=False)
    return {
        "--model": tmp_path / "model.joblib",
        "--data": tmp_path / "train.csv",
        "--requirements": requirements,
        "--out": tmp_path / "trained",
        "--store": tmp_path / "store",
    }


def package_file(files: dict[str, Path], **changes: object) -> Result:
    options: dict[str, object] = {
        "--target": "left",
        "--type": "Classification",
        "--name": "left_model",
        "--version": "1.0.0",
    }
    options |= files | {f"--{name}": value for name, value in changes.items()}
    return run(
        "package", "--no-serve", "--no-explain", *(part for option in options.items() for part in option)
    )


def test_a_model_and_its_data_become_a_bento_and_its_manifest_and_the_same_command_again_is_success(
    files: dict[str, Path],
) -> None:
    first = package_file(files)
    assert first.exit_code == 0, first.output
    assert "e2i manifest left_model:1.0.0" in first.stdout
    assert "of its own labels" in first.stderr
    printed = run("manifest", "left_model:1.0.0", "--store", files["--store"])
    assert printed.exit_code == 0
    assert "name: golden-left_model-1" in printed.stdout
    second = package_file(files)
    assert second.exit_code == 0
    assert first.stdout == second.stdout
    assert "with the same content" in second.stderr


def test_a_refusal_is_one_sentence_with_its_reason_and_exit_code_2(files: dict[str, Path]) -> None:
    refused = package_file(files, version="latest")
    assert refused.exit_code == 2
    assert "[VersionUnsafe]" in refused.stderr
    assert "Traceback" not in refused.output


def test_what_a_model_needs_is_asked_for_at_once(files: dict[str, Path]) -> None:
    refused = run("package", "--model", files["--model"], "--version", "1.0.0")
    assert refused.exit_code == 2
    assert "--data, --target, --type, --requirements, --name" in refused.stderr


def test_options_of_a_model_file_do_not_go_with_a_trained_folder(trained: Path) -> None:
    refused = run("package", trained, "--version", "1.0.0", "--labels", "a,b")
    assert refused.exit_code == 2
    assert "--labels goes with --model" in refused.stderr


def test_a_damaged_model_file_is_told_and_nothing_is_written(files: dict[str, Path]) -> None:
    files["--model"].write_bytes(files["--model"].read_bytes()[:100])
    refused = package_file(files)
    assert "[ModelDamaged]" in refused.stderr
    assert not files["--out"].exists()
    assert not (files["--store"] / "bentos").exists()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        pytest.param("train.csv", "", "FileUnreadable", id="an empty file"),
        pytest.param("train.csv", "age,left\n", "DataEmpty", id="no rows"),
        pytest.param("train.parquet", "no parquet", "FileUnreadable", id="another form than its name says"),
        pytest.param("train.xlsx", "cells", "FileUnreadable", id="a form that is not read"),
    ],
)
def test_data_that_cannot_be_read_is_told(files: dict[str, Path], name: str, text: str, reason: str) -> None:
    file = files["--data"].with_name(name)
    file.write_text(text)
    assert f"[{reason}]" in package_file(files, data=file).stderr


def test_the_manifest_of_a_bento_that_is_not_there_is_refused_and_no_store_is_made(tmp_path: Path) -> None:
    refused = run("manifest", "churn:1.0.0", "--store", tmp_path / "nowhere")
    assert refused.exit_code == 2
    assert "[BentoUnusable]" in refused.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_manifest_wants_an_exact_tag(tmp_path: Path) -> None:
    assert "latest" in run("manifest", "churn:latest", "--store", tmp_path).stderr


def test_every_reason_is_in_the_reference() -> None:
    page = REFERENCE.read_text()
    assert [reason for reason in ErrorReason if f"`{reason}`" not in page] == []


def test_every_option_is_in_the_reference() -> None:
    page = REFERENCE.read_text()
    for name in ("package", "manifest"):
        command = main.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        options = [
            option for parameter in command.params for option in parameter.opts if option.startswith("--")
        ]
        assert [option for option in options if option not in page] == []


def test_a_model_of_a_registry_wants_to_know_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    refused = run("package", "models:/churn_model/3", "--version", "1.0.0")
    assert refused.exit_code == 2
    assert "MLFLOW_TRACKING_URI" in refused.stderr
