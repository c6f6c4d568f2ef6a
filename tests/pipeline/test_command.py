"""`e2i pipeline` as a user types it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.smallproject import write_days, write_project

from e2i.pipeline.workspace import Workspace

E2I = Path(sys.executable).with_name("e2i")


def e2i(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([E2I, "pipeline", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_project(tmp_path / "rain")


def test_the_gate_ends_with_code_3_and_names_the_report(folder: Path) -> None:
    write_days(folder / "days.jsonl", mixed_up=True)
    ended = e2i("run", "--project", folder, "--store", folder / "store", "--against", "none")
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr
    assert "roc_auc is" in ended.stderr
    assert f"The report for a person: {folder / '.e2i' / 'reports'}" in ended.stderr
    shown = e2i("status", "--project", folder)
    assert "The last run was stopped by gate" in shown.stdout
    assert shown.returncode == 0


def test_a_mistake_in_the_project_ends_with_code_1_and_a_sentence(folder: Path) -> None:
    (folder / "project.yaml").write_text("name: rain_model\n")
    ended = e2i("data", "--project", folder)
    assert ended.returncode == 1
    assert "type is missing" in ended.stderr


def test_a_second_run_at_the_same_time_is_refused(folder: Path) -> None:
    with Workspace(folder).locked():
        ended = e2i("data", "--project", folder)
    assert ended.returncode == 1
    assert "Another run is under way" in ended.stderr


def test_help_shows_the_steps_in_their_order() -> None:
    shown = e2i("--help").stdout
    assert (
        shown.index("  data ") < shown.index("  train ") < shown.index("  gate ") < shown.index("  retrain ")
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked to end"])
def test_a_run_that_was_ended_goes_on_where_it_was(folder: Path, how: signal.Signals) -> None:
    """The recipe waits on a pipe, so the run always ends during training."""
    waits = folder / "waits"
    os.mkfifo(waits)
    recipe = (folder / "recipe.py").read_text()
    line = f"    import os\n    os.path.exists({str(waits)!r}) and open({str(waits)!r}).read()\n"
    (folder / "recipe.py").write_text(recipe.replace("def train(data):\n", f"def train(data):\n{line}"))
    command = [E2I, "pipeline", "run", "--project", folder, "--against", "none"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 120
        while not has_reader(waits):
            assert running.poll() is None, running.stderr
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(how)
        said = running.communicate(timeout=60)[1]
    if how is signal.SIGTERM:
        assert running.returncode == 130
        assert said.endswith("The steps that are done are kept. Run the same command again: it continues.\n")
    waits.unlink()
    assert list(Workspace(folder).read_state().done) == ["data", "test"]
    again = e2i("train", "--project", folder)
    assert again.returncode == 0, again.stderr
    assert "train: done in" in again.stdout
    assert "data:" not in again.stdout


def has_reader(pipe: Path) -> bool:
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
